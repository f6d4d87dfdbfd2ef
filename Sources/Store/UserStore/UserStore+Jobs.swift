import Foundation

extension UserStore {
    /// - Parameters:
    ///   - minionID: only the jobs of this minion: its training history.
    ///   - status: only those in this state.
    ///   - originID: only the runs that this job's schedule or changed data has started.
    public func jobs(
        _ page: PageRequest = .first, minionID: String? = nil, status: TrainingJob.Status? = nil, originID: String? = nil
    ) async throws -> Page<TrainingJob> {
        try await database.read { connection in
            let wanted = [("minion_id", minionID), ("status", status?.rawValue), ("origin_id", originID)].compactMap { column, value in
                value.map { (column, $0) }
            }
            let condition = (["user_id = $1"] + wanted.enumerated().map { "\($1.0) = $\($0 + 2)" }).joined(separator: " AND ")
            return try page.page(connection, from: "external_training_jobs", where: condition, [user] + wanted.map { .text($0.1) }) { row in
                try TrainingJob.load([row], connection)[0]
            }
        }
    }

    public func job(_ id: String) async throws -> TrainingJob {
        try await database.read { try job($0, id) }
    }

    /// The same, to be written anew: a column that cannot be read has its default.
    public func jobToChange(_ id: String) async throws -> TrainingJob {
        try await database.read { connection in
            try row(connection, "external_training_jobs", id, what: "training job")
                .mended(TrainingJob.standIns) { try TrainingJob.load([$0], connection)[0] }.value
        }
    }

    /// - Parameter allowDuplicate: whether there may be a job of the same minion, type, settings and data already.
    /// - Throws: ``DuplicateJob`` where there is one that is neither failed nor stopped.
    public func createJob(_ draft: TrainingJobDraft, allowDuplicate: Bool = true) async throws -> TrainingJob {
        try await database.write { connection in
            let minion = try Minion(row: row(connection, "external_api_models", draft.minionID, what: "minion"))
            let id = RowID.make("job")
            let now = SQLValue(Date())
            let hash = try fingerprint(connection, draft)
            if !allowDuplicate { try refuseDuplicate(connection, hash) }
            try connection.query(
                """
                INSERT INTO external_training_jobs
                    (id, user_id, minion_id, job_name, provider, model_id, training_type, status, config, created_at, updated_at, config_hash)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 'PENDING', $8, $9, $10, $11)
                """,
                .text(id), user, .text(minion.id), .text(draft.jobName), .text(minion.provider), .text(minion.modelID),
                .text(draft.trainingType.rawValue), try SQLValue(json: draft.config), now, now, .text(hash))
            try attach(connection, draft.datasetIDs, to: id)
            try setPlan(connection, draft.plan, of: id)
            if draft.holdsRelease {
                try connection.query("UPDATE external_training_jobs SET hold_release = 1 WHERE id = $1 AND user_id = $2", .text(id), user)
            }
            try connection.audit(.jobCreate, target: id, of: userID, ["minion": minion.id, "type": draft.trainingType.rawValue])
            return try job(connection, id)
        }
    }

    /// Changes a job that is not queued or running.
    public func updateJob(_ id: String, _ draft: TrainingJobDraft) async throws -> TrainingJob {
        try await database.write { connection in
            try refuseActive(connection, id, "changed")
            _ = try mend(connection, "external_training_jobs", id, what: "training job", TrainingJob.standIns) {
                try TrainingJob.load([$0], connection)[0]
            }
            let minion = try Minion(row: row(connection, "external_api_models", draft.minionID, what: "minion"))
            try connection.query(
                """
                UPDATE external_training_jobs SET job_name = $3, minion_id = $4, training_type = $5, config = $6, updated_at = $7,
                    provider = $8, model_id = $9, config_hash = $10
                WHERE id = $1 AND user_id = $2
                """,
                .text(id), user, .text(draft.jobName), .text(draft.minionID), .text(draft.trainingType.rawValue), try SQLValue(json: draft.config),
                SQLValue(Date()), .text(minion.provider), .text(minion.modelID), .text(fingerprint(connection, draft)))
            try setPlan(connection, draft.plan, of: id)
            try connection.query("DELETE FROM training_job_datasets WHERE job_id = $1", .text(id))
            try attach(connection, draft.datasetIDs, to: id)
            try connection.audit(.jobUpdate, target: id, of: userID, ["minion": minion.id, "type": draft.trainingType.rawValue])
            return try job(connection, id)
        }
    }

    /// - Returns: the folder, relative to the data directory, of what it had begun and never finished.
    public func deleteJob(_ id: String) async throws -> String? {
        try await database.write { connection in
            try refuseActive(connection, id, "deleted")
            let unfinished = try abandonBuild(connection, job: id)
            try connection.query("DELETE FROM external_training_jobs WHERE id = $1 AND user_id = $2", .text(id), user)
            try connection.audit(.jobDelete, target: id, of: userID)
            return unfinished
        }
    }

    /// Queues the job. What an earlier attempt has finished is kept, so one that failed or was stopped goes on from there.
    /// - Parameter runAt: not before this time.
    public func startJob(_ id: String, runAt: Date? = nil) async throws -> TrainingJob {
        try await database.write { connection in
            try refuseActive(connection, id, "started")
            try queue(connection, id, runAt: runAt)
            try connection.audit(.jobStart, target: id, of: userID)
            return try job(connection, id)
        }
    }

    /// Queues the job to begin anew.
    /// - Returns: the job, and the folder, relative to the data directory, of a collection it had begun.
    public func restartJob(_ id: String, runAt: Date? = nil) async throws -> (job: TrainingJob, unfinished: String?) {
        try await database.write { connection in
            try refuseActive(connection, id, "restarted")
            let unfinished = try abandonBuild(connection, job: id)
            try queue(connection, id, runAt: runAt)
            try connection.audit(.jobRestart, target: id, of: userID)
            return (try job(connection, id), unfinished)
        }
    }

    private func queue(_ connection: any Connection, _ id: String, runAt: Date?) throws {
        let now = Date()
        try connection.query(
            """
            UPDATE external_training_jobs SET status = 'QUEUED', progress = 0, error_message = NULL, error = NULL, stage = NULL,
                release_id = NULL, started_at = NULL, completed_at = NULL, updated_at = $3, queued_at = $3, run_at = $4, resume_cause = NULL,
                retries = 0, lost_workers = 0, lost_progress = 0, memory_mb = $5
            WHERE id = $1 AND user_id = $2
            """, .text(id), user, SQLValue(now), SQLValue(runAt), SQLValue(memory(connection, job(connection, id))))
        struct Queued: Encodable { var run_at: String? }
        try JobQueue.append(
            connection, job: id, type: "queued",
            payload: Queued(run_at: runAt?.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))), at: now)
        try connection.notify(JobQueue.topic, "queued")
    }

    /// What the job will take, in MiB: a fifth more than the minion's last one of its type, else what the standard
    /// models need.
    private func memory(_ connection: any Connection, _ job: TrainingJob) throws -> Int {
        let last = try connection.query(
            """
            SELECT s.job_id, MAX(s.peak_memory_bytes) AS bytes, MAX(s.finished_at) AS finished
            FROM job_stages s JOIN external_training_jobs j ON j.id = s.job_id
            WHERE j.minion_id = $1 AND j.training_type = $2 AND j.user_id = $3 AND s.outcome = 'finished'
            GROUP BY s.job_id ORDER BY finished DESC LIMIT 1
            """, .text(job.minionID), .text(job.trainingType.rawValue), user)
        if let bytes = try last.first?.optionalInt("bytes") { return (bytes / 5 * 6) >> 20 }
        return job.trainingType.trainsAdapter ? 1500 : 600
    }

    /// Marks the job stopped; its worker sees that it lost the job, ends the work, and lets go of it.
    public func stopJob(_ id: String) async throws -> TrainingJob {
        try await database.write { connection in
            let current = try row(connection, "external_training_jobs", id, what: "training job")
            let status = try current.text("status")
            guard TrainingJob.Status(rawValue: status)?.isActive == true else {
                throw StoreError.invalidState("the job is \(status): only a queued or running job can be stopped")
            }
            let now = Date()
            try connection.query(
                """
                UPDATE external_training_jobs SET status = 'STOPPED', completed_at = $3, updated_at = $3, resume_cause = NULL, run_at = NULL
                WHERE id = $1 AND user_id = $2
                """, .text(id), user, SQLValue(now))
            try JobQueue.interruptStages(connection, id, now)
            try JobQueue.append(connection, job: id, type: "stopped", payload: ["stage": current.optionalText("stage") ?? "queue"], at: now)
            try connection.notify(JobQueue.topic, "stopped:\(id)")
            try connection.audit(.jobStop, target: id, of: userID)
        }
        // Apart: one that cannot be read is stopped all the same.
        return try await job(id)
    }

    /// Events after `seq`, oldest first.
    public func jobEvents(_ id: String, after seq: Int, limit: Int = 500) async throws -> [JobEvent] {
        try await database.read { connection in
            _ = try row(connection, "external_training_jobs", id, what: "training job")
            return try connection.query(
                "SELECT * FROM job_events WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3", .text(id), SQLValue(seq), SQLValue(limit)
            ).readable(JobEvent.init)
        }
    }

    private func job(_ connection: any Connection, _ id: String) throws -> TrainingJob {
        try TrainingJob.load([row(connection, "external_training_jobs", id, what: "training job")], connection)[0]
    }

    private func refuseActive(_ connection: any Connection, _ id: String, _ verb: String) throws {
        let status = try row(connection, "external_training_jobs", id, what: "training job").text("status")
        if TrainingJob.Status(rawValue: status)?.isActive == true {
            throw StoreError.invalidState("the job is \(status) and cannot be \(verb): stop it first")
        }
    }

    private func setPlan(_ connection: any Connection, _ plan: JobPlan, of id: String) throws {
        // A time that has been waited for stays; only another schedule begins anew.
        let schedule = try plan.schedule.map { try SQLValue(json: $0) } ?? .null
        let next = try plan.schedule.flatMap { try $0.next(after: Date()) }
        try connection.query(
            """
            UPDATE external_training_jobs SET priority = $3, retry = $4, retrain_on_change = $5,
                schedule_at = CASE WHEN COALESCE(schedule, '') = COALESCE($6, '') THEN schedule_at ELSE $7 END, schedule = $6
            WHERE id = $1 AND user_id = $2
            """, .text(id), user, SQLValue(plan.priority), plan.retry.map { try SQLValue(json: $0) } ?? .null, SQLValue(plan.retrainOnChange),
            schedule, SQLValue(next))
    }

    private func fingerprint(_ connection: any Connection, _ draft: TrainingJobDraft) throws -> String {
        let datasets = try Set(draft.datasetIDs).map { try Dataset(row: row(connection, "user_training_datasets", $0, what: "dataset")) }
        return try JobFingerprint.make(minion: draft.minionID, kind: draft.trainingType, config: draft.config, datasets: datasets)
    }

    private func refuseDuplicate(_ connection: any Connection, _ hash: String) throws {
        let rows = try connection.query(
            """
            SELECT id, job_name, status FROM external_training_jobs
            WHERE user_id = $1 AND config_hash = $2 AND status NOT IN ('FAILED', 'STOPPED') ORDER BY id DESC LIMIT 1
            """, user, .text(hash))
        guard let row = rows.first else { return }
        throw DuplicateJob(id: try row.text("id"), name: try row.text("job_name"), status: try row.text("status"))
    }

    private func attach(_ connection: any Connection, _ datasets: [String], to job: String) throws {
        for dataset in Set(datasets).sorted() {
            _ = try row(connection, "user_training_datasets", dataset, what: "dataset")
            try connection.query("INSERT INTO training_job_datasets (job_id, dataset_id) VALUES ($1, $2)", .text(job), .text(dataset))
        }
    }
}

/// There is a job of the same minion, type, settings and data.
public struct DuplicateJob: Error, Sendable, Equatable {
    public var id: String
    public var name: String
    public var status: String
}
