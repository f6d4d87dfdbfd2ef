import Foundation

extension UserStore {
    /// The minion's jobs, newest first, each with its data, its curve, its release and what changed.
    public func trainingHistory(minionID: String, _ page: PageRequest = .first) async throws -> Page<HistoryItem> {
        try await database.scan { connection in
            _ = try row(connection, "external_api_models", minionID, what: "minion")
            return try page.page(
                connection, from: "external_training_jobs", where: "user_id = $1 AND minion_id = $2", [user, .text(minionID)]
            ) { row in
                var item = try item(connection, row)
                let earlier = try connection.query(
                    "SELECT * FROM external_training_jobs WHERE user_id = $1 AND minion_id = $2 AND id < $3 ORDER BY id DESC LIMIT 1", user,
                    .text(minionID), .text(item.id))
                if let previous = try earlier.readable({ try TrainingJob.load([$0], connection)[0] }).first {
                    let previous = HistoryItem(job: previous, inputs: try inputs(connection, previous.id))
                    item.changes = try TrainingChanges(since: previous.id, from: previous, to: item)
                }
                return item
            }
        }
    }

    private func inputs(_ connection: any Connection, _ job: String) throws -> [JobInput] {
        try connection.query("SELECT * FROM job_inputs WHERE job_id = $1 AND user_id = $2 ORDER BY dataset_name, dataset_id", .text(job), user)
            .readable(JobInput.init)
    }

    private func item(_ connection: any Connection, _ row: Row) throws -> HistoryItem {
        let job = try TrainingJob.load([row], connection)[0]
        var item = HistoryItem(job: job, inputs: try inputs(connection, job.id), curve: try curve(connection, job.id))
        if let id = job.releaseID {
            item.release = try connection.query("SELECT * FROM releases WHERE id = $1 AND user_id = $2", .text(id), user).readable(Release.init).first
        }
        return item
    }

    private struct Told: Decodable {
        var step: Int?
        var loss: Double?
    }

    /// From the events of the last start on.
    private func curve(_ connection: any Connection, _ job: String) throws -> TrainingCurve? {
        let rows = try connection.query(
            """
            SELECT type, payload FROM job_events WHERE job_id = $1 AND type IN ('progress', 'validation')
                AND seq > COALESCE((SELECT MAX(seq) FROM job_events WHERE job_id = $1 AND type = 'queued'), 0) ORDER BY seq
            """, .text(job))
        var steps: [(step: Int, loss: Double)] = []
        var validation: [TrainingCurve.Validation] = []
        for row in rows {
            guard let told: Told = try? row.json("payload"), let loss = told.loss else { continue }
            if try row.text("type") == "validation" {
                validation.append(.init(step: told.step, loss: loss))
            } else if let step = told.step {
                steps.append((step, loss))
            }
        }
        return steps.isEmpty && validation.isEmpty ? nil : TrainingCurve(steps: steps, validation: validation)
    }
}
