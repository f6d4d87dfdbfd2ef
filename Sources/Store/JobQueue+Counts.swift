extension JobQueue {
    /// How many jobs there are in each status, all users' together; zeros included.
    public func counts() async throws -> [String: Int] {
        let rows = try await database.scan { try $0.query("SELECT status, COUNT(*) AS jobs FROM external_training_jobs GROUP BY status") }
        var counts = Dictionary(uniqueKeysWithValues: TrainingJob.Status.allCases.map { ($0.rawValue, 0) })
        for row in rows { counts[try row.text("status")] = try row.int("jobs") }
        return counts
    }
}
