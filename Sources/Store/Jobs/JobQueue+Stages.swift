import Foundation

extension JobQueue {
    /// Writes down that a stage began or ended, with the event that says so.
    /// - Parameters:
    ///   - outcome: `running` for one that begins.
    ///   - again: an earlier call with the same values ended in an unknown outcome.
    public func record(
        stage: String, of job: TrainingJob, worker: String, outcome: JobStage.Outcome, use: StageUse = .init(), event: some Encodable & Sendable,
        at now: Date = Date(), again: Bool = false
    ) async throws {
        let text = try SQLValue(json: event)
        try await database.write(.rowLocks) { connection in
            guard try Self.touch(connection, job.id, worker, progress: nil, stage: stage, at: now) else { return }
            if again, try Self.isKept(connection, job: job.id, type: "stage", json: text, at: now) { return }
            if outcome == .running {
                // A stage that is begun twice in one attempt counts from the first time.
                try connection.query(
                    """
                    INSERT INTO job_stages (job_id, attempt, stage, started_at, outcome) VALUES ($1, $2, $3, $4, 'running')
                    ON CONFLICT (job_id, attempt, stage) DO NOTHING
                    """, .text(job.id), SQLValue(job.attempt), .text(stage), SQLValue(now))
            } else {
                try connection.query(
                    """
                    UPDATE job_stages SET finished_at = $4, outcome = $5, cpu_ms = $6, peak_memory_bytes = $7, disk_bytes = $8
                    WHERE job_id = $1 AND attempt = $2 AND stage = $3
                    """, .text(job.id), SQLValue(job.attempt), .text(stage), SQLValue(now), .text(outcome.rawValue),
                    SQLValue(use.cpuSeconds.map { Int(clamping: $0 * 1000) }), SQLValue(use.peakMemoryBytes), SQLValue(use.diskBytes))
            }
            try Self.append(connection, job: job.id, type: "stage", json: text, at: now)
        }
    }

    /// What the last stage of a job used, which ended together with the job.
    public func finish(stage: String, of job: TrainingJob, outcome: JobStage.Outcome, use: StageUse, at now: Date = Date()) async throws {
        try await database.write(.rowLocks) { connection in
            try connection.query(
                """
                UPDATE job_stages SET finished_at = $4, outcome = $5, cpu_ms = $6, peak_memory_bytes = $7, disk_bytes = $8
                WHERE job_id = $1 AND attempt = $2 AND stage = $3
                """, .text(job.id), SQLValue(job.attempt), .text(stage), SQLValue(now), .text(outcome.rawValue),
                SQLValue(use.cpuSeconds.map { Int(clamping: $0 * 1000) }), SQLValue(use.peakMemoryBytes), SQLValue(use.diskBytes))
        }
    }

    static func interruptStages(_ connection: any Connection, _ job: String, _ now: Date) throws {
        try connection.query(
            "UPDATE job_stages SET outcome = 'interrupted', finished_at = $2 WHERE job_id = $1 AND outcome = 'running'", .text(job), SQLValue(now))
    }
}
