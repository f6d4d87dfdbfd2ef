import Foundation

extension UserStore {
    public func adapters(_ page: PageRequest = .first) async throws -> Page<Adapter> {
        try await database.read { try page.page($0, from: "adapters", where: "user_id = $1", [user], decode: Adapter.init) }
    }

    /// Writes an adapter that comes from elsewhere, and a release of the minion with it; the collection of the release
    /// that answers now stays.
    /// - Parameter promotes: from the next request on it answers.
    public func importAdapter(_ new: ReleaseDraft.NewAdapter, minionID: String, promotes: Bool) async throws -> Release {
        try await database.write { connection in
            let minion = try Minion(row: row(connection, "external_api_models", minionID, what: "minion"))
            let current = try minion.releaseID.map { try Release(row: row(connection, "releases", $0, what: "release")) }
            let id = RowID.make("rel")
            let now = SQLValue(Date())
            try connection.query(
                """
                INSERT INTO adapters (id, user_id, base_model, rank, path, sha256, bytes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                .text(new.id), user, .text(new.baseModel), SQLValue(new.rank), .text(new.path), .text(new.sha256), SQLValue(new.bytes), now)
            if promotes {
                try connection.query("UPDATE releases SET state = 'retired' WHERE minion_id = $1 AND state = 'active'", .text(minionID))
            }
            let rows = try connection.query(
                """
                INSERT INTO releases (id, user_id, minion_id, number, adapter_id, collection_id, collection_version, settings, evaluation, state, created_at)
                SELECT $1, $2, $3, COALESCE(MAX(number), 0) + 1, $4, $5, $6, $7, $8, $9, $10 FROM releases WHERE minion_id = $3
                RETURNING *
                """,
                .text(id), user, .text(minionID), .text(new.id), SQLValue(current?.collectionID), SQLValue(current?.collectionVersion),
                try SQLValue(json: minion.pipeline), try SQLValue(json: ReleaseEvaluation()), .text(promotes ? "active" : "retired"), now)
            if promotes {
                try connection.query(
                    "UPDATE external_api_models SET release_id = $2, updated_at = $3 WHERE id = $1", .text(minionID), .text(id), now)
            }
            return try Release(row: rows[0])
        }
    }
}
