import Foundation

extension UserStore {
    /// All keys, by provider, the oldest of a provider first.
    /// - Parameter provider: only the keys for this provider.
    public func providerKeys(_ provider: String? = nil) async throws -> [ProviderKey] {
        try await database.read { try keyRows($0, provider: provider).readable(ProviderKey.init) }
    }

    /// The same, and beside them what is wrong with the rows of those that cannot be read.
    public func allProviderKeys(_ provider: String? = nil) async throws -> (keys: [ProviderKey], unreadable: [UnreadableRow]) {
        try await database.read { connection in
            var unreadable: [UnreadableRow] = []
            let keys: [ProviderKey] = try keyRows(connection, provider: provider).compactMap { row in
                do { return try ProviderKey(row: row) } catch let bad as UnreadableRow {
                    unreadable.append(bad)
                    return nil
                }
            }
            return (keys, unreadable)
        }
    }

    /// - Parameter reference: a key's id, or a provider's where exactly one key is stored for it.
    /// - Throws: ``StoreError/conflict(field:message:)`` naming the ids where there are several.
    public func providerKey(_ reference: String) async throws -> ProviderKey {
        try await database.read { try ProviderKey(row: keyRow($0, reference)) }
    }

    /// The same, to be written anew: a column that cannot be read has its default.
    public func providerKeyToChange(_ reference: String) async throws -> ProviderKey {
        try await database.read { try keyRow($0, reference).mended(ProviderKey.standIns, ProviderKey.init).value }
    }

    /// Stores a key.
    /// - Parameter test: what trying it has found, where it was tried.
    /// - Throws: ``StoreError/conflict(field:message:)`` where the provider has a key with this label.
    public func createProviderKey(_ provider: String, key: String, settings: ProviderKeySettings, test: KeyTest? = nil) async throws -> ProviderKey {
        let sealed = try vault.seal(key, user: userID, provider: provider)
        return try await uniqueLabel(settings.label, provider) {
            try await database.write { connection in
                let now = SQLValue(Date())
                let rows = try connection.query(
                    """
                    INSERT INTO user_api_keys (id, user_id, provider, encrypted_key, key_hint, label, base_url, is_active, weight, max_concurrent,
                        prices, test_outcome, test_message, tested_at, created_at, updated_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15) RETURNING *
                    """,
                    [.text(RowID.make("key")), user, .text(provider), .text(sealed), .text(Self.hint(key))] + values(settings)
                        + [SQLValue(test?.outcome), SQLValue(test?.message), SQLValue(test?.at), now])
                let stored = try ProviderKey(row: rows[0])
                try connection.audit(.keyCreate, target: stored.id, of: userID, Self.auditDetail(stored, key: "new"))
                return stored
            }
        }
    }

    /// A key with nothing but an address.
    public func createProviderKey(_ provider: String, key: String, baseURL: String?) async throws -> ProviderKey {
        try await createProviderKey(provider, key: key, settings: .init(baseURL: baseURL))
    }

    /// Replaces the settings, and the key where one is given. What an earlier test found is forgotten
    /// where key or address change.
    public func updateProviderKey(_ reference: String, key: String?, settings: ProviderKeySettings, test: KeyTest? = nil) async throws -> ProviderKey
    {
        try await uniqueLabel(settings.label, nil) {
            try await database.write { connection in
                let current = try mend(
                    connection, "user_api_keys", keyRow(connection, reference).text("id"), what: "provider key", ProviderKey.standIns,
                    ProviderKey.init)
                let sealed = try key.map { try vault.seal($0, user: userID, provider: current.provider) }
                var known = test
                if test == nil, key == nil, settings.baseURL == current.baseURL, let outcome = current.testOutcome, let at = current.testedAt {
                    known = KeyTest(outcome: outcome, message: current.testMessage ?? "", at: at)
                }
                let rows = try connection.query(
                    """
                    UPDATE user_api_keys SET encrypted_key = COALESCE($3, encrypted_key), key_hint = COALESCE($4, key_hint), label = $5, base_url = $6,
                        is_active = $7, weight = $8, max_concurrent = $9, prices = $10, test_outcome = $11, test_message = $12, tested_at = $13,
                        updated_at = $14
                    WHERE user_id = $1 AND id = $2 RETURNING *
                    """,
                    [user, .text(current.id), SQLValue(sealed), SQLValue(key.map(Self.hint))] + values(settings)
                        + [SQLValue(known?.outcome), SQLValue(known?.message), SQLValue(known?.at), SQLValue(Date())])
                let stored = try ProviderKey(row: rows[0])
                try connection.audit(.keyUpdate, target: stored.id, of: userID, Self.auditDetail(stored, key: key == nil ? "kept" : "replaced"))
                return stored
            }
        }
    }

    /// Keeps what trying a key has found.
    public func recordKeyTest(_ id: String, _ test: KeyTest) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE user_api_keys SET test_outcome = $3, test_message = $4, tested_at = $5 WHERE user_id = $1 AND id = $2",
                user, .text(id), .text(test.outcome), .text(test.message), SQLValue(test.at))
            try connection.audit(.keyTest, target: id, of: userID, ["outcome": test.outcome])
        }
    }

    /// - Returns: what was deleted.
    @discardableResult
    public func deleteProviderKey(_ reference: String) async throws -> ProviderKey {
        try await database.write { connection in
            let key = try keyRow(connection, reference).mended(ProviderKey.standIns, ProviderKey.init).value
            try connection.query("DELETE FROM user_api_keys WHERE user_id = $1 AND id = $2", user, .text(key.id))
            try connection.audit(.keyDelete, target: key.id, of: userID, ["provider": key.provider])
            return key
        }
    }

    /// The plaintexts of the active keys for a provider, for one call, the oldest first.
    /// - Throws: ``KeyVault/Failure`` where there are keys and none of them can be opened: the row was
    ///   copied from another user, or its encryption key is gone. One that opens is enough.
    public func openProviderKeys(_ provider: String) async throws -> [OpenedKey] {
        let rows = try await database.read { try keyRows($0, provider: provider) }
        var opened: [OpenedKey] = []
        var failure: (any Error)?
        for row in rows {
            do { if try row.bool("is_active") { opened.append(try open(row)) } } catch let error as KeyVault.Failure {
                failure = failure ?? error
            } catch let error as UnreadableRow { failure = failure ?? error }
        }
        if opened.isEmpty, let failure { throw failure }
        return opened
    }

    /// One key, active or not, for trying it.
    public func openProviderKey(_ reference: String) async throws -> OpenedKey {
        try open(try await database.read { try keyRow($0, reference) })
    }

    /// The last four characters; of a key too short to hide the rest, none.
    static func hint(_ key: String) -> String { key.unicodeScalars.count >= 12 ? "…\(String(key.unicodeScalars.suffix(4)))" : "…" }

    /// Where the key is sent, and whether it is another than before; nothing of the key itself.
    private static func auditDetail(_ key: ProviderKey, key change: String) -> [String: String] {
        [
            "provider": key.provider, "base_url": key.baseURL == nil ? "the provider's" : AuditEntry.origin(key.baseURL),
            "key": change, "is_active": "\(key.isActive)",
        ]
    }

    /// What is said where a label is taken.
    public static func labelTaken(_ label: String, _ provider: String?) -> StoreError {
        let which = provider.map { " for \($0)" } ?? " for this provider"
        return .conflict(
            field: "label",
            message: "you already have a key\(which) with the label \"\(label)\": give this one a label of its own, or replace the other with PUT")
    }

    private func open(_ row: Row) throws -> OpenedKey {
        let key = try vault.open(row.text("encrypted_key"), user: userID, provider: row.text("provider"))
        return OpenedKey(
            id: try row.text("id"), key: key, baseURL: try row.optionalText("base_url"), weight: try row.double("weight"),
            maxConcurrent: try row.optionalInt("max_concurrent"), prices: try row.json("prices"))
    }

    private func keyRows(_ connection: any Connection, provider: String?) throws -> [Row] {
        guard let provider else { return try connection.query("SELECT * FROM user_api_keys WHERE user_id = $1 ORDER BY provider, id", user) }
        return try connection.query("SELECT * FROM user_api_keys WHERE user_id = $1 AND provider = $2 ORDER BY id", user, .text(provider))
    }

    private func keyRow(_ connection: any Connection, _ reference: String) throws -> Row {
        // No provider's id begins so.
        if reference.hasPrefix("key_") { return try row(connection, "user_api_keys", reference, what: "provider key") }
        let rows = try keyRows(connection, provider: reference)
        guard let first = rows.first else { throw StoreError.notFound("provider key") }
        guard rows.count == 1 else {
            let ids = try rows.map { "\(try $0.text("id")) (\(try $0.text("label")))" }.joined(separator: ", ")
            throw StoreError.conflict(field: "provider", message: "you have \(rows.count) keys for \(reference); say which by its id: \(ids)")
        }
        return first
    }

    private func values(_ settings: ProviderKeySettings) throws -> [SQLValue] {
        [
            .text(settings.label), SQLValue(settings.baseURL), SQLValue(settings.isActive), .real(settings.weight),
            SQLValue(settings.maxConcurrent), try SQLValue(json: settings.prices),
        ]
    }

    private func uniqueLabel<T>(_ label: String, _ provider: String?, _ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch DatabaseError.uniqueViolation { throw Self.labelTaken(label, provider) }
    }
}
