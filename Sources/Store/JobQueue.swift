import Foundation

/// The worker's side of training jobs. A job belongs to the worker whose name is in `lease_owner`;
/// every change a worker makes is conditional on that, so a worker that lost a job changes nothing.
public struct JobQueue: Sendable {
    let database: any Database

    /// Takes the oldest queued job that is due.
    public func claim(worker: String, lease: Duration, now: Date = Date()) async throws -> TrainingJob? {
        try await database.write { connection in
            guard
                let row = try connection.query(
                    "SELECT id FROM external_training_jobs WHERE status = 'QUEUED' AND (run_at IS NULL OR run_at <= $1) ORDER BY updated_at, id LIMIT 1",
                    SQLValue(now)
                ).first
            else { return nil }
            let rows = try connection.query(
                """
                UPDATE external_training_jobs SET status = 'RUNNING', lease_owner = $2, lease_expires_at = $3, attempt = attempt + 1,
                    started_at = $4, updated_at = $4
                WHERE id = $1 AND status = 'QUEUED' RETURNING *
                """, .text(row.text("id")), .text(worker), SQLValue(now.addingTimeInterval(lease.seconds)), SQLValue(now))
            return try TrainingJob.load(rows, connection).first
        }
    }

    /// Extends the lease.
    /// - Returns: false when the job is no longer this worker's (stopped, deleted, taken over).
    public func heartbeat(_ job: String, worker: String, lease: Duration, now: Date = Date()) async throws -> Bool {
        try await database.write { connection in
            try !connection.query(
                """
                UPDATE external_training_jobs SET lease_expires_at = $3 WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING id
                """, .text(job), .text(worker), SQLValue(now.addingTimeInterval(lease.seconds))
            ).isEmpty
        }
    }

    /// Appends an event and, with it, what the job's row shows.
    public func record(_ job: String, worker: String, type: String, payload: some Encodable & Sendable, progress: Double?, stage: String?)
        async throws
    {
        try await database.write { connection in
            let now = Date()
            let rows = try connection.query(
                """
                UPDATE external_training_jobs SET progress = COALESCE($3, progress), stage = COALESCE($4, stage), updated_at = $5
                WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING id
                """, .text(job), .text(worker), SQLValue(progress), SQLValue(stage), SQLValue(now))
            guard !rows.isEmpty else { return }
            try Self.append(connection, job: job, type: type, payload: payload, at: now)
        }
    }

    /// Publishes the release and completes the job, both or neither.
    public func complete(_ job: TrainingJob, worker: String, release draft: ReleaseDraft) async throws -> Release? {
        try await database.write { connection in
            let now = Date()
            let releaseID = RowID.make("rel")
            let owned = try connection.query(
                """
                UPDATE external_training_jobs SET status = 'COMPLETED', progress = 1, stage = NULL, release_id = $3, completed_at = $4, updated_at = $4,
                    lease_owner = NULL, lease_expires_at = NULL
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

    /// Ends the job without a release.
    public func fail(_ job: String, worker: String, _ failure: JobFailure) async throws {
        try await database.write { connection in
            try Self.end(connection, job: job, condition: "AND lease_owner = $5", owner: [.text(worker)], failure)
        }
    }

    /// Marks the jobs whose worker is gone. `isAlive` says whether a worker's name is one of a living
    /// process; a lease that ran out is dead whatever it says.
    /// - Returns: ids of the jobs that were marked.
    public func markInterrupted(now: Date = Date(), isAlive: @Sendable @escaping (String) -> Bool) async throws -> [String] {
        try await database.write { connection in
            let rows = try connection.query("SELECT * FROM external_training_jobs WHERE status = 'RUNNING'")
            return try rows.compactMap { row in
                let expired = try row.optionalDate("lease_expires_at").map { $0 < now } ?? true
                if !expired, let owner = try row.optionalText("lease_owner"), isAlive(owner) { return nil }
                let stage = try row.optionalText("stage") ?? "prepare"
                let percent = Int((try row.double("progress") * 100).rounded())
                let failure = JobFailure(
                    step: stage, code: "interrupted",
                    message: "the server stopped while this job was in stage \"\(stage)\" (\(percent)%)",
                    hint: "start the job again; its datasets are untouched")
                try Self.end(connection, job: row.text("id"), condition: "", owner: [], failure)
                return try row.text("id")
            }
        }
    }

    static func append(_ connection: any Connection, job: String, type: String, payload: some Encodable, at: Date) throws {
        try connection.query(
            """
            INSERT INTO job_events (job_id, seq, at, type, payload)
            SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4 FROM job_events WHERE job_id = $1
            """, .text(job), SQLValue(at), .text(type), SQLValue(json: payload))
        try WebhookOutbox.note(connection, job: job, type: type, payload: payload, at: at)
    }

    private static func end(_ connection: any Connection, job: String, condition: String, owner: [SQLValue], _ failure: JobFailure) throws {
        let now = Date()
        let rows = try connection.query(
            """
            UPDATE external_training_jobs SET status = 'FAILED', error_message = $2, error = $3, completed_at = $4, updated_at = $4,
                lease_owner = NULL, lease_expires_at = NULL
            WHERE id = $1 AND status = 'RUNNING' \(condition) RETURNING id
            """, [.text(job), .text(failure.message), try SQLValue(json: failure), SQLValue(now)] + owner)
        guard !rows.isEmpty else { return }
        try append(connection, job: job, type: "failed", payload: failure, at: now)
    }
}

extension Duration {
    /// As a number of seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
