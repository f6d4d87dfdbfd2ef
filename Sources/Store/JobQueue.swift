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
            var told = ["release_id": releaseID, "release_number": String(release.number), "release_state": release.state.rawValue]
            told["reason"] = release.reason
            try Self.append(connection, job: job.id, type: "completed", payload: told, at: now)
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
        let next = try connection.query(
            "SELECT COALESCE(MAX(CASE WHEN seq BETWEEN 1 AND 1000000000000 THEN seq END), 0) + 1 AS next FROM job_events WHERE job_id = $1",
            .text(job))[0].int("next")
        try connection.query(
            "INSERT INTO job_events (job_id, seq, at, type, payload) VALUES ($1, $2, $3, $4, $5)",
            .text(job), SQLValue(next), SQLValue(at), .text(type), json)
        if type == "queued" { try JobInput.note(connection, job: job) }
        try WebhookOutbox.note(connection, job: job, type: type, payload: json, at: at)
    }
}

extension Duration {
    /// As a number of seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
