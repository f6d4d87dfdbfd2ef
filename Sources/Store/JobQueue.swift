import Foundation

/// The worker's side of training jobs. A job belongs to the worker whose name is in `lease_owner`;
/// every change a worker makes is conditional on that, so a worker that lost a job changes nothing.
public struct JobQueue: Sendable {
    let database: any Database

    /// What processes tell each other of jobs: `queued`, or `stopped:` and a job's id.
    public static let topic = "jobs"

    /// Appends an event and, with it, what the job's row shows.
    /// - Parameter again: an earlier call with the same values ended in an unknown outcome, so the event may be there.
    /// - Returns: false when the job is no longer this worker's: nothing was written.
    @discardableResult
    public func record(
        _ job: String, worker: String, type: String, payload: some Encodable & Sendable, progress: Double?, stage: String?, at now: Date = Date(),
        again: Bool = false
    ) async throws -> Bool {
        let text = try SQLValue(json: payload)
        return try await database.write(.rowLocks) { connection in
            guard try Self.touch(connection, job, worker, progress: progress, stage: stage, at: now) else { return false }
            if again, try Self.isKept(connection, job: job, type: type, json: text, at: now) { return true }
            try Self.append(connection, job: job, type: type, json: text, at: now)
            return true
        }
    }

    /// Publishes the release and completes the job, both or neither. May be called again with the same id.
    /// - Parameter id: the release's; nil makes one.
    /// - Returns: nil when the job is no longer this worker's.
    public func complete(_ job: TrainingJob, worker: String, id: String? = nil, release draft: ReleaseDraft) async throws -> Release? {
        let releaseID = id ?? RowID.make("rel")
        return try await database.write { connection in
            if let kept = try connection.query("SELECT * FROM releases WHERE id = $1", .text(releaseID)).first { return try Release(row: kept) }
            let now = Date()
            let owned = try connection.query(
                """
                UPDATE external_training_jobs SET status = 'COMPLETED', progress = 1, stage = NULL, release_id = $3, completed_at = $4, updated_at = $4,
                    lease_owner = NULL, lease_host = NULL, lease_expires_at = NULL
                WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING id
                """, .text(job.id), .text(worker), .text(releaseID), SQLValue(now))
            guard !owned.isEmpty else { return nil }
            let release = try Self.publish(connection, id: releaseID, job: job, draft, at: now)
            try Self.append(
                connection, job: job.id, type: "completed", payload: ["release_id": releaseID, "release_number": String(release.number)], at: now)
            return release
        }
    }

    static func isKept(_ connection: any Connection, job: String, type: String, json: SQLValue, at: Date) throws -> Bool {
        try !connection.query(
            "SELECT seq FROM job_events WHERE job_id = $1 AND at = $2 AND type = $3 AND payload = $4", .text(job), SQLValue(at), .text(type), json
        ).isEmpty
    }

    /// Updates what the row shows; this also takes the row's lock, which keeps events without gaps.
    /// - Returns: false when the job is no longer this worker's.
    static func touch(_ connection: any Connection, _ job: String, _ worker: String, progress: Double?, stage: String?, at now: Date) throws -> Bool {
        try !connection.query(
            """
            UPDATE external_training_jobs SET progress = COALESCE($3, progress), stage = COALESCE($4, stage), updated_at = $5
            WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING id
            """, .text(job), .text(worker), SQLValue(progress), SQLValue(stage), SQLValue(now)
        ).isEmpty
    }

    /// The caller holds the job's row, by having updated it in this transaction.
    static func append(_ connection: any Connection, job: String, type: String, payload: some Encodable, at: Date) throws {
        try append(connection, job: job, type: type, json: SQLValue(json: payload), at: at)
    }

    static func append(_ connection: any Connection, job: String, type: String, json: SQLValue, at: Date) throws {
        let next = try connection.query("SELECT COALESCE(MAX(seq), 0) + 1 AS next FROM job_events WHERE job_id = $1", .text(job))[0].int("next")
        try connection.query(
            "INSERT INTO job_events (job_id, seq, at, type, payload) VALUES ($1, $2, $3, $4, $5)",
            .text(job), SQLValue(next), SQLValue(at), .text(type), json)
    }

    private static func publish(_ connection: any Connection, id: String, job: TrainingJob, _ draft: ReleaseDraft, at now: Date) throws -> Release {
        if let adapter = draft.adapter {
            try connection.query(
                """
                INSERT INTO adapters (id, user_id, job_id, base_model, rank, path, sha256, bytes, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """,
                .text(adapter.id), .text(job.userID), .text(job.id), .text(adapter.baseModel), SQLValue(adapter.rank), .text(adapter.path),
                .text(adapter.sha256), SQLValue(adapter.bytes), SQLValue(now))
        }
        if let collection = draft.collection {
            try connection.query(
                """
                INSERT INTO collections (id, user_id, name, embedder, dimension, version, document_count, chunk_count, bytes, created_at, updated_at,
                    minion_id)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
                ON CONFLICT (id) DO UPDATE SET embedder = $4, dimension = $5, version = $6, document_count = $7, chunk_count = $8, bytes = $9, updated_at = $10,
                    minion_id = $11, building_version = NULL, building_job = NULL
                """,
                .text(collection.id), .text(job.userID), .text(collection.name), .text(collection.embedder), SQLValue(collection.dimension),
                SQLValue(collection.version), SQLValue(collection.documentCount), SQLValue(collection.chunkCount), SQLValue(collection.bytes),
                SQLValue(now), .text(job.minionID))
        }
        let minion = try connection.query("SELECT * FROM external_api_models WHERE id = $1", .text(job.minionID))
        guard let pipeline = try minion.first?.text("pipeline") else { throw StoreError.notFound("minion") }
        // A job that trains one half keeps the other: a new knowledge base must not cost the minion its voice.
        let current = try minion.first?.optionalText("release_id").flatMap {
            try connection.query("SELECT * FROM releases WHERE id = $1", .text($0)).first.map(Release.init)
        }
        let adapterID = draft.adapter?.id ?? (job.trainingType.trainsAdapter ? nil : current?.adapterID)
        let collectionID = draft.collection?.id ?? (job.trainingType.buildsCollection ? nil : current?.collectionID)
        let collectionVersion = draft.collection?.version ?? (job.trainingType.buildsCollection ? nil : current?.collectionVersion)
        try connection.query("UPDATE releases SET state = 'retired' WHERE minion_id = $1 AND state = 'active'", .text(job.minionID))
        let number = try connection.query(
            "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM releases WHERE minion_id = $1", .text(job.minionID))[0].int("next")
        let rows = try connection.query(
            """
            INSERT INTO releases (id, user_id, minion_id, job_id, number, adapter_id, collection_id, collection_version, settings, evaluation, state, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'active', $11) RETURNING *
            """,
            .text(id), .text(job.userID), .text(job.minionID), .text(job.id), SQLValue(number), SQLValue(adapterID), SQLValue(collectionID),
            SQLValue(collectionVersion), .text(pipeline), SQLValue(json: draft.evaluation), SQLValue(now))
        try connection.query(
            "UPDATE external_api_models SET release_id = $2, updated_at = $3 WHERE id = $1", .text(job.minionID), .text(id), SQLValue(now))
        return try Release(row: rows[0])
    }
}

extension Duration {
    /// As a number of seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
