import Domain
import Foundation

extension JobQueue {
    /// What became of a job whose worker was lost.
    public struct LostJob: Sendable, Equatable {
        public var id: String
        public var worker: String
        /// Ended, because it has lost one worker after the other.
        public var isGivenUp: Bool
    }

    /// Extends the lease.
    /// - Returns: false when the job is no longer this worker's (stopped, deleted, taken over).
    public func heartbeat(_ job: String, worker: String, lease: Duration, now: Date = Date()) async throws -> Bool {
        try await database.write(.rowLocks) { connection in
            try !connection.query(
                """
                UPDATE external_training_jobs SET lease_expires_at = $3 WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING id
                """, .text(job), .text(worker), SQLValue(now.addingTimeInterval(lease.seconds))
            ).isEmpty
        }
    }

    /// Puts the job back in line: its worker ends in order. What was finished of it stays, and the next goes on from there.
    /// - Returns: false when the job is no longer this worker's.
    @discardableResult
    public func handBack(_ job: String, worker: String, reason: String, now: Date = Date()) async throws -> Bool {
        try await database.write(.rowLocks) { connection in
            let rows = try connection.query(
                """
                UPDATE external_training_jobs SET status = 'QUEUED', resume_cause = $3, updated_at = $4, lease_owner = NULL, lease_host = NULL,
                    lease_expires_at = NULL
                WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' RETURNING stage
                """, .text(job), .text(worker), .text(reason), SQLValue(now))
            guard let row = rows.first else { return false }
            try Self.interruptStages(connection, job, now)
            try Self.append(connection, job: job, type: "requeued", payload: Requeued(reason: reason, stage: row.optionalText("stage")), at: now)
            try connection.notify(Self.topic, "queued")
            return true
        }
    }

    /// Says that nothing of a job that was stopped runs here any more.
    public func release(_ job: String, worker: String) async throws {
        try await database.write(.rowLocks) { connection in
            try connection.query(
                """
                UPDATE external_training_jobs SET lease_owner = NULL, lease_host = NULL, lease_expires_at = NULL
                WHERE id = $1 AND lease_owner = $2 AND status <> 'RUNNING'
                """, .text(job), .text(worker))
            try connection.notify(Self.topic, "queued")
        }
    }

    /// Whether the job is this worker's at this moment.
    public func holds(_ job: String, worker: String, now: Date = Date()) async throws -> Bool {
        try await database.read { connection in
            try !connection.query(
                "SELECT id FROM external_training_jobs WHERE id = $1 AND lease_owner = $2 AND status = 'RUNNING' AND lease_expires_at >= $3",
                .text(job), .text(worker), SQLValue(now)
            ).isEmpty
        }
    }

    /// Whether processes of the job may still run somewhere.
    public func isHeld(_ job: String, now: Date = Date()) async throws -> Bool {
        try await database.read { connection in
            try !connection.query(
                "SELECT id FROM external_training_jobs WHERE id = $1 AND lease_owner IS NOT NULL AND lease_expires_at >= $2", .text(job),
                SQLValue(now)
            ).isEmpty
        }
    }

    /// Ids of the users who have a job that somebody is working on.
    public func usersWithRunningJobs() async throws -> Set<String> {
        try await database.read { connection in
            Set(
                try connection.query("SELECT DISTINCT user_id FROM external_training_jobs WHERE lease_owner IS NOT NULL").map {
                    try $0.text("user_id")
                })
        }
    }

    /// Puts the jobs back in line whose worker is gone; a job that has lost `most` workers in a row without getting on
    /// between them ends instead. `isAlive` says whether a worker's name is one of a living process; a lease that ran
    /// out is dead whatever it says.
    public func requeueLost(most: Int = 5, now: Date = Date(), isAlive: @Sendable @escaping (String) -> Bool = { _ in true }) async throws
        -> [LostJob]
    {
        let running = try await database.read { connection in
            try connection.query("SELECT id, lease_owner, lease_expires_at FROM external_training_jobs WHERE status = 'RUNNING'").filter { row in
                // A lease that cannot be read is none.
                let expires = (try? row.optionalDate("lease_expires_at")) ?? nil
                guard let expires, expires >= now, let owner = try row.optionalText("lease_owner") else { return true }
                return !isAlive(owner)
            }.map { (id: try $0.text("id"), owner: try $0.optionalText("lease_owner") ?? "") }
        }
        var lost: [LostJob] = []
        for (id, owner) in running {
            let isGivenUp = try await database.write(.rowLocks) { try Self.requeue($0, id, owner, most, now, isAlive(owner)) }
            if let isGivenUp { lost.append(LostJob(id: id, worker: owner, isGivenUp: isGivenUp)) }
        }
        return lost
    }

    /// - Returns: nil where the job has gone on meanwhile.
    private static func requeue(_ connection: any Connection, _ id: String, _ owner: String, _ most: Int, _ now: Date, _ isAlive: Bool) throws
        -> Bool?
    {
        // Taken first: whoever comes second finds it done. A heartbeat that came in between has moved the time on.
        let rows = try connection.query(
            """
            UPDATE external_training_jobs SET updated_at = $2
            WHERE id = $1 AND status = 'RUNNING' AND COALESCE(lease_owner, '') = $3 AND (COALESCE(lease_expires_at, 0) < $2 OR $4 = 1) RETURNING *
            """, .text(id), SQLValue(now), .text(owner), SQLValue(!isAlive))
        guard let row = rows.first else { return nil }
        let progress = (try? row.double("progress")) ?? 0
        let lostProgress = (try? row.double("lost_progress")) ?? 0
        let stage = try row.optionalText("stage") ?? "prepare"
        let count = progress > lostProgress ? 1 : (try? row.int("lost_workers").adding(1)) ?? 1
        try interruptStages(connection, id, now)
        guard count < most else {
            let failure = JobFailure(
                step: stage, code: .workersLost,
                message:
                    "\(count) workers in a row ended in the middle of stage \"\(stage)\" without getting on (\(Int(clamping: (progress * 100).rounded()))%)",
                hint: "the job may need more memory than there is, or bring its worker down: look at the workers' logs, then start it again")
            try end(connection, job: id, failure, now)
            return true
        }
        let cause = "worker \(WorkerRecord.name(ofOwner: owner)) was lost in stage \"\(stage)\""
        try connection.query(
            """
            UPDATE external_training_jobs SET status = 'QUEUED', resume_cause = $2, lost_workers = $3, lost_progress = $4, lease_owner = NULL,
                lease_host = NULL, lease_expires_at = NULL
            WHERE id = $1
            """, .text(id), .text(cause), SQLValue(count), SQLValue(max(progress, lostProgress)))
        try append(connection, job: id, type: "requeued", payload: Requeued(reason: cause, stage: stage), at: now)
        try connection.notify(topic, "queued")
        return false
    }

    private struct Requeued: Encodable {
        var reason: String
        var stage: String?
    }
}
