import Domain
import Foundation

extension JobQueue {
    /// Ends the job without a release, or, where the failure may be gone the next time and the job's policy has tries
    /// left, puts it back in line for later.
    /// - Returns: the seconds until it is tried again; nil where it ended, or is no longer this worker's.
    @discardableResult
    public func fail(_ job: String, worker: String, _ failure: JobFailure, now: Date = Date()) async throws -> Double? {
        try await database.write(.rowLocks) { connection in
            let rows = try connection.query(
                "UPDATE external_training_jobs SET updated_at = $3 WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING *",
                .text(job), .text(worker), SQLValue(now))
            guard let row = rows.first else { return nil }
            let policy: JobRetries = ((try? row.optionalJSON("retry")) ?? nil) ?? JobRetries()
            // A count that cannot be read ends the trying: it might go on for ever.
            let retries = (try? row.int("retries")) ?? .max
            guard failure.isTransient, let delay = policy.delay(afterRetries: retries) else {
                try Self.end(connection, job: job, failure, now)
                return nil
            }
            let next = now.addingTimeInterval(delay)
            try connection.query(
                """
                UPDATE external_training_jobs SET status = 'QUEUED', resume_cause = $2, retries = $3, run_at = $4, error = $5, error_message = $6,
                    lease_owner = NULL, lease_host = NULL, lease_expires_at = NULL
                WHERE id = $1
                """, .text(job), .text("\(failure.code): \(failure.message)"), SQLValue(retries + 1), SQLValue(next), try SQLValue(json: failure),
                .text(failure.message))
            try Self.append(
                connection, job: job, type: "retrying",
                payload: Retrying(
                    step: failure.step, code: failure.code, message: failure.message, retry: retries + 1, maxAttempts: policy.maxAttempts,
                    delaySeconds: delay), at: now)
            return delay
        }
    }

    /// The caller holds the row.
    static func end(_ connection: any Connection, job: String, _ failure: JobFailure, _ now: Date) throws {
        try connection.query(
            """
            UPDATE external_training_jobs SET status = 'FAILED', error_message = $2, error = $3, completed_at = $4, updated_at = $4,
                lease_owner = NULL, lease_host = NULL, lease_expires_at = NULL
            WHERE id = $1
            """, .text(job), .text(failure.message), try SQLValue(json: failure), SQLValue(now))
        try append(connection, job: job, type: "failed", payload: failure, at: now)
    }

    private struct Retrying: Encodable {
        var step: String
        var code: String
        var message: String
        /// 1 for the first.
        var retry: Int
        var maxAttempts: Int
        var delaySeconds: Double

        enum CodingKeys: String, CodingKey {
            case step, code, message, retry
            case maxAttempts = "max_attempts"
            case delaySeconds = "delay_seconds"
        }
    }
}
