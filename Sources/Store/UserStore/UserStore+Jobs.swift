import Foundation

extension UserStore {
    /// - Parameter minionID: only the jobs of this minion: its training history.
    public func jobs(_ page: PageRequest = .first, minionID: String? = nil) async throws -> Page<TrainingJob> {
        try await database.read { connection in
            let condition = minionID == nil ? "user_id = $1" : "user_id = $1 AND minion_id = $2"
            let parameters = [user] + (minionID.map { [.text($0)] } ?? [])
            return try page.page(connection, from: "external_training_jobs", where: condition, parameters) { row in
                try TrainingJob.load([row], connection)[0]
            }
        }
    }

    public func job(_ id: String) async throws -> TrainingJob {
        try await database.read { try job($0, id) }
    }

    public func createJob(_ draft: TrainingJobDraft) async throws -> TrainingJob {
        try await database.write { connection in
            let minion = try Minion(row: row(connection, "external_api_models", draft.minionID, what: "minion"))
            let id = RowID.make("job")
            let now = SQLValue(Date())
            try connection.query(
                """
                INSERT INTO external_training_jobs
                    (id, user_id, minion_id, job_name, provider, model_id, training_type, status, config, created_at, updated_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 'PENDING', $8, $9, $10)
                """,
                .text(id), user, .text(minion.id), .text(draft.jobName), .text(minion.provider), .text(minion.modelID),
                .text(draft.trainingType.rawValue), try SQLValue(json: draft.config), now, now)
            try attach(connection, draft.datasetIDs, to: id)
            if draft.holdsRelease { try connection.query("UPDATE external_training_jobs SET hold_release = 1 WHERE id = $1", .text(id)) }
            return try job(connection, id)
        }
    }

    /// Changes a job that is not queued or running.
    public func updateJob(_ id: String, _ draft: TrainingJobDraft) async throws -> TrainingJob {
        try await database.write { connection in
            try refuseActive(connection, id, "changed")
            let minion = try Minion(row: row(connection, "external_api_models", draft.minionID, what: "minion"))
            try connection.query(
                """
                UPDATE external_training_jobs SET job_name = $3, minion_id = $4, training_type = $5, config = $6, updated_at = $7,
                    provider = $8, model_id = $9
                WHERE id = $1 AND user_id = $2
                """,
                .text(id), user, .text(draft.jobName), .text(draft.minionID), .text(draft.trainingType.rawValue), try SQLValue(json: draft.config),
                SQLValue(Date()), .text(minion.provider), .text(minion.modelID))
            try connection.query("DELETE FROM training_job_datasets WHERE job_id = $1", .text(id))
            try attach(connection, draft.datasetIDs, to: id)
            return try job(connection, id)
        }
    }

    /// - Returns: the folder, relative to the data directory, of what it had begun and never finished.
    public func deleteJob(_ id: String) async throws -> String? {
        try await database.write { connection in
            try refuseActive(connection, id, "deleted")
            let unfinished = try abandonBuild(connection, job: id)
            try connection.query("DELETE FROM external_training_jobs WHERE id = $1 AND user_id = $2", .text(id), user)
            return unfinished
        }
    }

    /// Queues the job: anew, or again after it failed, was stopped or completed.
    public func startJob(_ id: String) async throws -> TrainingJob {
        try await database.write { connection in
            try refuseActive(connection, id, "started")
            let now = Date()
            try connection.query(
                """
                UPDATE external_training_jobs SET status = 'QUEUED', progress = 0, error_message = NULL, error = NULL, stage = NULL,
                    release_id = NULL, started_at = NULL, completed_at = NULL, updated_at = $3
                WHERE id = $1 AND user_id = $2
                """, .text(id), user, SQLValue(now))
            try noteInputs(connection, job: id)
            try JobQueue.append(connection, job: id, type: "queued", payload: [String: String](), at: now)
            return try job(connection, id)
        }
    }

    /// Marks the job stopped; its worker sees that it lost the job and ends the work.
    public func stopJob(_ id: String) async throws -> TrainingJob {
        try await database.write { connection in
            let current = try job(connection, id)
            guard current.status.isActive else {
                throw StoreError.invalidState("the job is \(current.status.rawValue): only a queued or running job can be stopped")
            }
            let now = Date()
            try connection.query(
                """
                UPDATE external_training_jobs SET status = 'STOPPED', lease_owner = NULL, lease_expires_at = NULL, completed_at = $3, updated_at = $3
                WHERE id = $1 AND user_id = $2
                """, .text(id), user, SQLValue(now))
            try JobQueue.append(connection, job: id, type: "stopped", payload: ["stage": current.stage ?? "queue"], at: now)
            return try job(connection, id)
        }
    }

    /// Events after `seq`, oldest first.
    public func jobEvents(_ id: String, after seq: Int, limit: Int = 500) async throws -> [JobEvent] {
        try await database.read { connection in
            _ = try row(connection, "external_training_jobs", id, what: "training job")
            return try connection.query(
                "SELECT * FROM job_events WHERE job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3", .text(id), SQLValue(seq), SQLValue(limit)
            ).map(JobEvent.init)
        }
    }

    private func job(_ connection: any Connection, _ id: String) throws -> TrainingJob {
        try TrainingJob.load([row(connection, "external_training_jobs", id, what: "training job")], connection)[0]
    }

    private func refuseActive(_ connection: any Connection, _ id: String, _ verb: String) throws {
        let status = try job(connection, id).status
        if status.isActive { throw StoreError.invalidState("the job is \(status.rawValue) and cannot be \(verb): stop it first") }
    }

    private func attach(_ connection: any Connection, _ datasets: [String], to job: String) throws {
        for dataset in Set(datasets).sorted() {
            _ = try row(connection, "user_training_datasets", dataset, what: "dataset")
            try connection.query("INSERT INTO training_job_datasets (job_id, dataset_id) VALUES ($1, $2)", .text(job), .text(dataset))
        }
    }
}
