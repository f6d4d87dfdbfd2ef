import Foundation

extension UserStore {
    public func collections(_ page: PageRequest = .first) async throws -> Page<Collection> {
        try await database.read { try page.page($0, from: "collections", where: "user_id = $1", [user], decode: Collection.init) }
    }

    public func collection(_ id: String) async throws -> Collection {
        try await database.read { try Collection(row: row($0, "collections", id, what: "collection")) }
    }

    /// The newest collection of a minion, finished or not: a retraining builds the next version of it.
    public func collectionForMinion(_ minionID: String) async throws -> Collection? {
        try await database.read { try newest($0, minionID) }
    }

    /// Says that a version of the minion's collection is being built, so that it can be found and
    /// searched: a new collection (version 0 until the first is finished) or the next version of the one there is.
    public func beginCollection(minion: Minion, embedder: String, dimension: Int, job: String) async throws -> Collection {
        try await database.write { connection in
            let now = SQLValue(Date())
            let rows: [Row]
            if let earlier = try newest(connection, minion.id) {
                rows = try connection.query(
                    "UPDATE collections SET building_version = version + 1, building_job = $3 WHERE id = $1 AND user_id = $2 RETURNING *",
                    .text(earlier.id), user, .text(job))
            } else {
                let id = RowID.make("col")
                // A display name can be reused by another minion later; the id's end keeps this one unique.
                rows = try connection.query(
                    """
                    INSERT INTO collections (id, user_id, name, embedder, dimension, version, document_count, chunk_count, bytes, created_at, updated_at,
                        minion_id, building_version, building_job)
                    VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, $6, $6, $7, 1, $8) RETURNING *
                    """,
                    .text(id), user, .text("\(minion.displayName) · \(id.suffix(6))"), .text(embedder), SQLValue(dimension), now, .text(minion.id),
                    .text(job))
            }
            return try Collection(row: rows[0])
        }
    }

    /// Deletes the row and the kept and cached answers that quote its passages; releases that used it answer
    /// without passages from now on.
    public func deleteCollection(_ id: String) async throws {
        try await deleting(id, answers: Self.quoting) { try await deleteCollectionRows(id) }
    }

    /// Which answers quote a collection.
    private static let quoting = "release_id IN (SELECT id FROM releases WHERE collection_id = $2)"

    private func deleteCollectionRows(_ id: String) async throws {
        try await database.write { connection in
            _ = try row(connection, "collections", id, what: "collection")
            let active = try connection.query(
                """
                SELECT j.job_name FROM external_training_jobs j JOIN collections c ON c.minion_id = j.minion_id
                WHERE c.id = $1 AND j.user_id = $2 AND j.status IN ('QUEUED', 'RUNNING')
                """, .text(id), user)
            if let job = active.first {
                throw StoreError.invalidState("training job \"\(try job.text("job_name"))\" may be building on this collection: stop it first")
            }
            for table in ["answers", "response_cache"] {
                try connection.query("DELETE FROM \(table) WHERE user_id = $1 AND \(Self.quoting)", user, .text(id))
            }
            try connection.query("DELETE FROM collections WHERE id = $1 AND user_id = $2", .text(id), user)
            try connection.audit(.collectionDelete, target: id, of: userID)
        }
    }

    /// Gives up what a job was building and has not finished.
    /// - Returns: the collection's folder or the version's, relative to the data directory, that nothing refers to any more; what
    ///   is unfinished of the version lies beside it.
    func abandonBuild(_ connection: any Connection, job: String) throws -> String? {
        guard let row = try connection.query("SELECT * FROM collections WHERE building_job = $1 AND user_id = $2", .text(job), user).first else {
            return nil
        }
        let (id, version) = (try row.text("id"), try row.int("version"))
        guard version > 0 else {
            try connection.query("DELETE FROM collections WHERE id = $1 AND user_id = $2", .text(id), user)
            return DataPaths.collection(id, user: userID)
        }
        try connection.query("UPDATE collections SET building_version = NULL, building_job = NULL WHERE id = $1 AND user_id = $2", .text(id), user)
        return try row.optionalInt("building_version").map { DataPaths.collection(id, version: $0, user: userID) }
    }

    private func newest(_ connection: any Connection, _ minionID: String) throws -> Collection? {
        try connection.query(
            "SELECT * FROM collections WHERE user_id = $1 AND minion_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1", user, .text(minionID)
        ).first.map(Collection.init)
    }
}
