extension JobQueue {
    /// Everybody's jobs, newest first, for superusers.
    /// - Parameter status: only those in it.
    public func jobs(_ page: PageRequest = .first, status: TrainingJob.Status? = nil) async throws -> Page<TrainingJob> {
        try await database.read { connection in
            try page.page(
                connection, from: "external_training_jobs", where: status == nil ? "1 = 1" : "status = $1", status.map { [.text($0.rawValue)] } ?? []
            ) { try TrainingJob.load([$0], connection)[0] }
        }
    }
}
