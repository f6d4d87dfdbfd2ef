import Domain
import Foundation

/// How much a worker may take.
public struct ClaimLimits: Sendable, Equatable {
    /// The machine: jobs of all its workers count.
    public var host: String
    /// Jobs at once on the machine; nil for no bound.
    public var jobsPerHost: Int?
    /// Jobs at once of one user, on all machines; nil for no bound.
    public var jobsPerUser: Int?
    /// Memory a further job may take beside those that run on the machine, in MiB; nil for no bound. A machine that
    /// runs nothing takes any job.
    public var memoryMegabytes: Int?

    public init(host: String = "", jobsPerHost: Int? = nil, jobsPerUser: Int? = nil, memoryMegabytes: Int? = nil) {
        self.host = host
        self.jobsPerHost = jobsPerHost
        self.jobsPerUser = jobsPerUser
        self.memoryMegabytes = memoryMegabytes
    }
}

extension JobQueue {
    /// A lease that has not run out, or may not be passed over: a stopped job's processes may still be ending.
    private static let isHeld = "(status = 'RUNNING' OR (lease_owner IS NOT NULL AND lease_expires_at >= $1))"

    /// Takes the next job that is due: one that lost its worker first; else of the user who has the fewest running
    /// jobs, or had a turn least recently, the job of highest priority, or queued first. A minion's jobs run one
    /// after the other, since they build on the same collection.
    ///
    /// So a priority orders a user's own jobs and no others, and whoever waits comes up in turn: no user with
    /// queued jobs is passed over twice by the same other user.
    public func claim(worker: String, lease: Duration, limits: ClaimLimits = .init(), now: Date = Date()) async throws -> TrainingJob? {
        // Asked again and again, so the answer no takes no lock.
        let isIdle = try await database.read { connection in
            try connection.query(
                "SELECT id FROM external_training_jobs WHERE status = 'QUEUED' AND (run_at IS NULL OR run_at <= $1) LIMIT 1", SQLValue(now)
            ).isEmpty
        }
        if isIdle { return nil }
        // Rows that others have taken meanwhile are looked at again; each time somebody got on.
        for _ in 0..<16 {
            switch try await attempt(worker, lease, limits, now) {
            case .claimed(let job): return job
            case .nothing: return nil
            case .overtaken: continue
            }
        }
        return nil
    }

    private enum Attempt { case claimed(TrainingJob), nothing, overtaken }

    private func attempt(_ worker: String, _ lease: Duration, _ limits: ClaimLimits, _ now: Date) async throws -> Attempt {
        try await database.write(.rowLocks) { connection in
            // The machine's row is held from here on: its workers decide one after the other.
            try Self.takeTurn(connection, "machine:\(limits.host)", now)
            let onHost = try connection.query(
                "SELECT COUNT(*) AS jobs FROM external_training_jobs WHERE status = 'RUNNING' AND lease_host = $1", .text(limits.host))[0].int("jobs")
            if let most = limits.jobsPerHost, onHost >= most { return .nothing }
            let memory = onHost == 0 ? Int.max : limits.memoryMegabytes ?? .max
            let candidate = try connection.query(
                """
                SELECT j.id, j.user_id, j.minion_id FROM external_training_jobs j
                LEFT JOIN job_turns t ON t.id = j.user_id
                LEFT JOIN (SELECT user_id, COUNT(*) AS jobs FROM external_training_jobs WHERE status = 'RUNNING' GROUP BY user_id) r
                    ON r.user_id = j.user_id
                WHERE j.status = 'QUEUED' AND (j.run_at IS NULL OR j.run_at <= $1) AND (j.lease_owner IS NULL OR j.lease_expires_at < $1)
                    AND COALESCE(r.jobs, 0) < $2 AND COALESCE(j.memory_mb, 0) <= $3
                    AND NOT EXISTS (SELECT 1 FROM external_training_jobs o WHERE o.minion_id = j.minion_id AND o.id <> j.id
                        AND (o.status = 'RUNNING' OR (o.lease_owner IS NOT NULL AND o.lease_expires_at >= $1)))
                ORDER BY CASE WHEN j.resume_cause IS NULL THEN 1 ELSE 0 END, COALESCE(r.jobs, 0), COALESCE(t.last_start, 0), j.priority DESC,
                    COALESCE(j.queued_at, j.updated_at), j.id
                LIMIT 1 \(connection.dialect.claimingRows(of: "j"))
                """, SQLValue(now), SQLValue(limits.jobsPerUser ?? .max), SQLValue(memory)
            ).first
            guard let candidate else { return .nothing }
            let id = try candidate.text("id")
            // So is the user's: another machine that has just taken a job of theirs is seen.
            try Self.takeTurn(connection, candidate.text("user_id"), now)
            let others = try connection.query(
                "SELECT minion_id FROM external_training_jobs WHERE user_id = $2 AND id <> $3 AND \(Self.isHeld)",
                SQLValue(now), .text(candidate.text("user_id")), .text(id))
            let minion = try candidate.text("minion_id")
            let isOvertaken = try others.count >= (limits.jobsPerUser ?? .max) || others.contains { try $0.text("minion_id") == minion }
            if isOvertaken { return .overtaken }
            do {
                return .claimed(try Self.take(connection, id, worker, limits.host, until: now.addingTimeInterval(lease.seconds), now))
            } catch let bad as UnreadableRow {
                // It would stand in the way of all the others for ever.
                let failure = JobFailure(
                    step: "prepare", code: .rowUnreadable, message: "the job's row cannot be read: \(bad)",
                    hint: "write the job anew with PUT, or delete it")
                try Self.end(connection, job: id, failure, now)
                return .overtaken
            }
        }
    }

    private static func takeTurn(_ connection: any Connection, _ id: String, _ now: Date) throws {
        try connection.query(
            "INSERT INTO job_turns (id, last_start) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET last_start = excluded.last_start",
            .text(id), SQLValue(now))
    }

    private static func take(_ connection: any Connection, _ id: String, _ worker: String, _ host: String, until: Date, _ now: Date) throws
        -> TrainingJob
    {
        let cause = try connection.query("SELECT resume_cause FROM external_training_jobs WHERE id = $1", .text(id))[0].optionalText("resume_cause")
        let rows = try connection.query(
            """
            UPDATE external_training_jobs SET status = 'RUNNING', lease_owner = $2, lease_host = $5, lease_expires_at = $3, attempt = attempt + 1,
                started_at = COALESCE(started_at, $4), updated_at = $4, resume_cause = NULL, run_at = NULL, error = NULL, error_message = NULL
            WHERE id = $1 RETURNING *
            """, .text(id), .text(worker), SQLValue(until), SQLValue(now), .text(host))
        let job = try TrainingJob.load(rows, connection)[0]
        if let cause {
            try append(
                connection, job: id, type: "resumed",
                payload: Resumed(cause: cause, attempt: job.attempt, worker: WorkerRecord.name(ofOwner: worker)), at: now)
        } else {
            try WebhookOutbox.started(connection, job, at: now)
        }
        return job
    }

    private struct Resumed: Encodable {
        var cause: String
        var attempt: Int
        var worker: String
    }
}
