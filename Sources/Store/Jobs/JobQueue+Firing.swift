import Domain
import Foundation

/// A job whose time has come to start a run.
public struct DueJob: Sendable, Equatable {
    public var id: String
    public var userID: String
    public var minionID: String
    public var cause: JobOrigin.Cause
    /// When it was to be, which says whether somebody else has dealt with it.
    public var dueAt: Date
}

extension JobQueue {
    /// The jobs whose schedule or changed dataset wants a run now.
    /// - Parameter quiet: how long a dataset has to be left alone after a change: many changes make one run.
    public func due(quiet: Duration = .zero, now: Date = Date()) async throws -> [DueJob] {
        try await database.read { connection in
            let scheduled = try connection.query(
                "SELECT id, user_id, minion_id, schedule_at AS due_at FROM external_training_jobs WHERE schedule_at <= $1 ORDER BY schedule_at LIMIT 100",
                SQLValue(now))
            let changed = try connection.query(
                "SELECT id, user_id, minion_id, retrain_at AS due_at FROM external_training_jobs WHERE retrain_at <= $1 ORDER BY retrain_at LIMIT 100",
                SQLValue(now.addingTimeInterval(-quiet.seconds)))
            func read(_ cause: JobOrigin.Cause) -> (Row) throws -> DueJob {
                { row in
                    DueJob(
                        id: try row.text("id"), userID: try row.text("user_id"), minionID: try row.text("minion_id"), cause: cause,
                        dueAt: try row.date("due_at"))
                }
            }
            return try scheduled.readable(read(.schedule)) + changed.readable(read(.datasetChange))
        }
    }

    /// Makes and queues the run, and sets the time of the next. Times that were missed meanwhile count once.
    /// - Returns: the run's id; nil where somebody else was first, or a run of the job is still active (a schedule then
    ///   passes it over and says so; a change waits for it).
    public func fire(_ due: DueJob, now: Date = Date()) async throws -> String? {
        try await database.write { connection in
            let active = try connection.query(
                "SELECT id FROM external_training_jobs WHERE (origin_id = $1 OR id = $1) AND status IN ('QUEUED', 'RUNNING') ORDER BY id",
                .text(due.id)
            ).first
            if active != nil, due.cause == .datasetChange { return nil }
            guard let row = try Self.advance(connection, due, now) else { return nil }
            if let other = try active?.text("id") {
                try Self.append(
                    connection, job: due.id, type: "schedule_skipped", payload: ["reason": "run \(other) is still active", "job_id": other], at: now)
                return nil
            }
            do { _ = try TrainingJob.load([row], connection) } catch let bad as UnreadableRow {
                try Self.append(connection, job: due.id, type: "schedule_skipped", payload: ["reason": "the job cannot be read: \(bad)"], at: now)
                return nil
            }
            let id = RowID.make("job")
            let name = try "\(row.text("job_name")) · \(due.dueAt.formatted(Date.ISO8601FormatStyle()))"
            try connection.query(
                """
                INSERT INTO external_training_jobs (id, user_id, minion_id, job_name, provider, model_id, training_type, status, config, priority, retry,
                    memory_mb, origin_id, origin_cause, created_at, updated_at, queued_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 'QUEUED', $8, $9, $10, $11, $12, $13, $14, $14, $14)
                """,
                .text(id), .text(due.userID), .text(due.minionID), .text(name), .text(row.text("provider")), .text(row.text("model_id")),
                .text(row.text("training_type")), .text(row.text("config")), SQLValue(row.int("priority")), SQLValue(row.optionalText("retry")),
                SQLValue(row.optionalInt("memory_mb")), .text(due.id), .text(due.cause.rawValue), SQLValue(now))
            for dataset in try connection.query("SELECT dataset_id FROM training_job_datasets WHERE job_id = $1", .text(due.id)) {
                try connection.query(
                    "INSERT INTO training_job_datasets (job_id, dataset_id) VALUES ($1, $2)", .text(id), .text(dataset.text("dataset_id")))
            }
            try Self.append(connection, job: id, type: "queued", payload: ["origin": due.id, "cause": due.cause.rawValue], at: now)
            try Self.append(connection, job: due.id, type: "run_started", payload: ["job_id": id, "cause": due.cause.rawValue], at: now)
            try connection.notify(Self.topic, "queued")
            return id
        }
    }

    /// Passes a time over, and says why in the job's history.
    public func skip(_ due: DueJob, reason: String, now: Date = Date()) async throws {
        try await database.write { connection in
            guard try Self.advance(connection, due, now) != nil else { return }
            try Self.append(connection, job: due.id, type: "schedule_skipped", payload: ["reason": reason], at: now)
        }
    }

    /// - Returns: the job; nil where the time has been dealt with.
    private static func advance(_ connection: any Connection, _ due: DueJob, _ now: Date) throws -> Row? {
        switch due.cause {
        case .datasetChange:
            return try connection.query(
                "UPDATE external_training_jobs SET retrain_at = NULL WHERE id = $1 AND retrain_at = $2 RETURNING *", .text(due.id),
                SQLValue(due.dueAt)
            ).first
        case .schedule:
            guard let row = try connection.query("SELECT id, schedule FROM external_training_jobs WHERE id = $1", .text(due.id)).first else {
                return nil
            }
            // One that cannot be read has no next time.
            let schedule: JobSchedule? = (try? row.optionalJSON("schedule")) ?? nil
            return try connection.query(
                "UPDATE external_training_jobs SET schedule_at = $3 WHERE id = $1 AND schedule_at = $2 RETURNING *", .text(due.id),
                SQLValue(due.dueAt), SQLValue(try schedule?.next(after: now))
            ).first
        }
    }

    /// Notes, in the transaction of the change itself, that jobs want to be run because a dataset has other content.
    static func datasetChanged(_ connection: any Connection, _ dataset: String, now: Date = Date()) throws {
        try connection.query(
            """
            UPDATE external_training_jobs SET retrain_at = $2 WHERE retrain_on_change = 1
                AND id IN (SELECT job_id FROM training_job_datasets WHERE dataset_id = $1)
            """, .text(dataset), SQLValue(now))
    }
}
