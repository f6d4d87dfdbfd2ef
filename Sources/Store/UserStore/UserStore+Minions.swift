import Foundation

extension UserStore {
    public func minions(_ page: PageRequest = .first) async throws -> Page<Minion> {
        try await database.read { try page.page($0, from: "external_api_models", where: "user_id = $1", [user], decode: Minion.init) }
    }

    public func minion(_ id: String) async throws -> Minion {
        try await database.read { try Minion(row: row($0, "external_api_models", id, what: "minion")) }
    }

    /// The same, to be written anew: a column that cannot be read has its default.
    public func minionToChange(_ id: String) async throws -> Minion {
        try await database.read { try row($0, "external_api_models", id, what: "minion").mended(Minion.standIns, Minion.init).value }
    }

    public func createMinion(_ draft: MinionDraft) async throws -> Minion {
        try await uniqueName(draft.displayName) {
            try await database.write { connection in
                let now = SQLValue(Date())
                let rows = try connection.query(
                    """
                    INSERT INTO external_api_models
                        (id, user_id, name, display_name, provider, model_id, base_url, system_prompt, sampling, fallbacks, pipeline, release_policy, created_at,
                        updated_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING *
                    """, [.text(RowID.make("min")), user] + values(draft) + [now, now])
                let minion = try Minion(row: rows[0])
                try connection.audit(
                    .minionCreate, target: minion.id, of: userID,
                    ["provider": draft.provider, "model": draft.modelID, "base_url": AuditEntry.origin(draft.baseURL)].filter { !$0.value.isEmpty })
                return minion
            }
        }
    }

    public func updateMinion(_ id: String, _ draft: MinionDraft) async throws -> Minion {
        try await uniqueName(draft.displayName) {
            try await database.write { connection in
                let before = try mend(connection, "external_api_models", id, what: "minion", Minion.standIns, Minion.init)
                let rows = try connection.query(
                    """
                    UPDATE external_api_models SET name = $3, display_name = $4, provider = $5, model_id = $6, base_url = $7,
                        system_prompt = $8, sampling = $9, fallbacks = $10, pipeline = $11, release_policy = $12, updated_at = $13
                    WHERE id = $1 AND user_id = $2 RETURNING *
                    """, [.text(id), user] + values(draft) + [SQLValue(Date())])
                let minion = try Minion(row: rows[0])
                try connection.audit(.minionUpdate, target: id, of: userID, Self.changes(from: before, to: minion))
                return minion
            }
        }
    }

    /// Deletes the minion with its jobs, releases and answers, and the adapters and collections that
    /// no other release uses.
    /// - Returns: folders, relative to the data directory, that nothing refers to any more.
    public func deleteMinion(_ id: String) async throws -> [String] {
        try await deleting(id, answers: "minion_id = $2") { try await deleteMinionRows(id) }
    }

    private func deleteMinionRows(_ id: String) async throws -> [String] {
        try await database.write { connection in
            _ = try row(connection, "external_api_models", id, what: "minion")
            let active = try connection.query(
                "SELECT id FROM external_training_jobs WHERE minion_id = $1 AND user_id = $2 AND status IN ('QUEUED', 'RUNNING')", .text(id), user)
            guard active.isEmpty else { throw StoreError.invalidState("a training job of this minion is active: stop it first") }
            let adapters = try connection.query(
                """
                SELECT DISTINCT a.id, a.path FROM adapters a JOIN releases r ON r.adapter_id = a.id
                WHERE r.minion_id = $1 AND a.user_id = $2
                    AND NOT EXISTS (SELECT 1 FROM releases o WHERE o.adapter_id = a.id AND o.minion_id <> $1)
                """, .text(id), user)
            let collections = try connection.query(
                """
                SELECT c.id FROM collections c WHERE c.user_id = $2
                    AND (c.minion_id = $1 OR EXISTS (SELECT 1 FROM releases r WHERE r.collection_id = c.id AND r.minion_id = $1))
                    AND NOT EXISTS (SELECT 1 FROM releases o WHERE o.collection_id = c.id AND o.minion_id <> $1)
                """, .text(id), user)
            try connection.query("DELETE FROM external_api_models WHERE id = $1 AND user_id = $2", .text(id), user)
            for adapter in adapters { try connection.query("DELETE FROM adapters WHERE id = $1 AND user_id = $2", .text(adapter.text("id")), user) }
            for collection in collections {
                try connection.query("DELETE FROM collections WHERE id = $1 AND user_id = $2", .text(collection.text("id")), user)
            }
            try connection.audit(.minionDelete, target: id, of: userID)
            return try adapters.map { try $0.text("path") } + collections.map { DataPaths.collection(try $0.text("id"), user: userID) }
        }
    }

    /// Makes a new token; the old one stops working at once.
    /// - Returns: the plaintext, which is kept nowhere.
    public func regenerateMinionToken(_ id: String) async throws -> String {
        let token = Token.minion()
        try await database.write { connection in
            let rows = try connection.query(
                "UPDATE external_api_models SET token_hash = $3, token_hint = $4 WHERE id = $1 AND user_id = $2 RETURNING id",
                .text(id), user, .text(Token.hash(token)), .text(String(token.suffix(4))))
            guard !rows.isEmpty else { throw StoreError.notFound("minion") }
            try connection.audit(.minionToken, target: id, of: userID)
        }
        return token
    }

    /// What an update has changed: where the minion's requests and keys go with its values, the rest by name.
    private static func changes(from old: Minion, to new: Minion) -> [String: String] {
        var detail: [String: String] = [:]
        if old.provider != new.provider { detail["provider"] = new.provider }
        if old.modelID != new.modelID { detail["model"] = new.modelID }
        if old.baseURL != new.baseURL { detail["base_url"] = new.baseURL == nil ? "none" : AuditEntry.origin(new.baseURL) }
        let others = [
            ("name", old.name != new.name), ("display_name", old.displayName != new.displayName),
            ("system_prompt", old.systemPrompt != new.systemPrompt),
            ("sampling", old.sampling != new.sampling), ("fallbacks", old.fallbacks != new.fallbacks), ("pipeline", old.pipeline != new.pipeline),
            ("release_policy", old.releasePolicy != new.releasePolicy),
        ].filter(\.1).map(\.0)
        if !others.isEmpty { detail["changed"] = others.joined(separator: ", ") }
        return detail
    }

    private func values(_ draft: MinionDraft) throws -> [SQLValue] {
        [
            .text(draft.name), .text(draft.displayName), .text(draft.provider), .text(draft.modelID), SQLValue(draft.baseURL),
            .text(draft.systemPrompt), try SQLValue(json: draft.sampling), try SQLValue(json: draft.fallbacks), try SQLValue(json: draft.pipeline),
            try SQLValue(json: draft.releasePolicy),
        ]
    }

    private func uniqueName<T>(_ name: String, _ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch DatabaseError.uniqueViolation {
            throw StoreError.conflict(field: "display_name", message: "you already have a minion called \"\(name)\"")
        }
    }
}

extension Store {
    /// The minion a token speaks for. Tokens of inactive users speak for nobody.
    public func minion(forToken token: String) async throws -> Minion? {
        try await database.read { connection in
            try connection.query(
                """
                SELECT m.* FROM external_api_models m JOIN users u ON u.id = m.user_id
                WHERE m.token_hash = $1 AND u.is_active = 1
                """, .text(Token.hash(token))
            ).first.map(Minion.init)
        }
    }
}
