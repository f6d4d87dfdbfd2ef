import Foundation

/// What usage records add up to, for one user, minion or key.
public struct Spending: Sendable, Equatable {
    /// Of the UTC day.
    public var requests = 0
    public var tokens = 0
    public var cost = 0.0
    /// Upstream calls of the day that used tokens at an unknown price.
    public var unpriced = 0
    /// Of the UTC month, the day included.
    public var monthCost = 0.0

    public init() {}
}

/// What a user keeps, by the table it is kept in.
public enum KeptRows: String, Sendable, CaseIterable {
    case minions = "external_api_models"
    case datasets = "user_training_datasets"
    case providerKeys = "user_api_keys"
    case providerDefinitions = "provider_definitions"
    case webhooks = "webhooks"
    case trainingJobs = "external_training_jobs"
}

extension UserStore {
    /// How many rows the user keeps in a table.
    public func count(_ rows: KeptRows) async throws -> Int {
        try await database.read { try $0.query("SELECT COUNT(*) AS n FROM \(rows.rawValue) WHERE user_id = $1", user)[0].int("n") }
    }

    /// The same of every table.
    public func keptRows() async throws -> [KeptRows: Int] {
        try await database.scan { connection in
            let counts = KeptRows.allCases.map { "(SELECT COUNT(*) FROM \($0.rawValue) WHERE user_id = $1) AS \($0.rawValue)" }
            let row = try connection.query("SELECT \(counts.joined(separator: ", "))", user)[0]
            return Dictionary(uniqueKeysWithValues: try KeptRows.allCases.map { ($0, try row.int($0.rawValue)) })
        }
    }

    public struct Spent: Sendable, Equatable {
        public var user = Spending()
        /// The user's, with costs as a superuser's budget counts them.
        public var counted = Spending()
        public var minions: [String: Spending] = [:]
        public var keys: [String: Spending] = [:]
        /// Of the ids asked for, those whose records are in the sums.
        public var included: Set<String> = []
    }

    /// What this user's records of the day and the month add up to.
    /// - Parameter recent: called once the state that is summed up is fixed; record ids of which the reply says whether they are in it.
    public func spent(day: Date, month: Date, recent: @Sendable @escaping () -> [String]) async throws -> Spent {
        try await database.scan { connection in
            var spent = Spent()
            for (column, path) in [("minion_id", \Spent.minions), ("key_id", \Spent.keys)] as [(String, WritableKeyPath<Spent, [String: Spending]>)] {
                for row in try connection.query(
                    """
                    SELECT \(column) AS target, COUNT(DISTINCT CASE WHEN at >= $2 THEN COALESCE(request_id, answer_id, id) END) AS requests,
                        COALESCE(SUM(CASE WHEN at >= $2 THEN COALESCE(\(UsageRecord.tokensSQL("input_tokens")), 0) END), 0)
                            + COALESCE(SUM(CASE WHEN at >= $2 THEN COALESCE(\(UsageRecord.tokensSQL("output_tokens")), 0) END), 0) AS tokens,
                        COALESCE(SUM(CASE WHEN at >= $2 THEN \(UsageRecord.costSQL) END), 0) AS cost,
                        COALESCE(SUM(\(UsageRecord.costSQL)), 0) AS month_cost,
                        COALESCE(SUM(CASE WHEN at >= $2 THEN \(UsageRecord.countedCostSQL) END), 0) AS counted,
                        COALESCE(SUM(\(UsageRecord.countedCostSQL)), 0) AS month_counted,
                        COALESCE(SUM(CASE WHEN at >= $2 AND cost IS NULL AND input_tokens IS NOT NULL THEN 1 ELSE 0 END), 0) AS unpriced
                    FROM usage_records WHERE user_id = $1 AND at >= $3 AND \(UsageRecord.hasTimeSQL) GROUP BY \(column)
                    """, user, SQLValue(day), SQLValue(month))
                {
                    var sums = Spending()
                    sums.requests = try row.int("requests")
                    sums.tokens = try row.int("tokens")
                    sums.cost = try row.double("cost")
                    sums.monthCost = try row.double("month_cost")
                    sums.unpriced = try row.int("unpriced")
                    if let target = try row.optionalText("target") { spent[keyPath: path][target] = sums }
                    if column == "minion_id" {
                        // An answer is of one minion, so these add up to the user's.
                        spent.user.requests = spent.user.requests.adding(sums.requests)
                        spent.user.tokens = spent.user.tokens.adding(sums.tokens)
                        spent.user.cost += sums.cost
                        spent.user.monthCost += sums.monthCost
                        spent.user.unpriced = spent.user.unpriced.adding(sums.unpriced)
                        spent.counted.cost += try row.double("counted")
                        spent.counted.monthCost += try row.double("month_counted")
                    }
                }
            }
            (spent.counted.requests, spent.counted.tokens, spent.counted.unpriced) = (spent.user.requests, spent.user.tokens, spent.user.unpriced)
            let ids = recent()
            for start in stride(from: 0, to: ids.count, by: 500) {
                let part = ids[start..<min(start + 500, ids.count)]
                let places = part.indices.map { "$\($0 - start + 2)" }.joined(separator: ", ")
                let found = try connection.query(
                    "SELECT id FROM usage_records WHERE user_id = $1 AND id IN (\(places))", [user] + part.map { .text($0) })
                for row in found { spent.included.insert(try row.text("id")) }
            }
            return spent
        }
    }

    /// Bytes of the user's datasets (equal content is one file), adapters and collections.
    public func storedBytes() async throws -> Int {
        // A size that no file has counts for nothing, instead of ending the sum.
        let sum = "COALESCE(SUM(CASE WHEN bytes BETWEEN 0 AND \(1 << 50) THEN bytes END), 0)"
        return try await database.scan { connection in
            let row = try connection.query(
                """
                SELECT (SELECT \(sum) FROM
                        (SELECT file_path, MAX(bytes) AS bytes FROM user_training_datasets WHERE user_id = $1 GROUP BY file_path) AS files)
                    + (SELECT \(sum) FROM adapters WHERE user_id = $1)
                    + (SELECT \(sum) FROM collections WHERE user_id = $1) AS bytes
                """, user)[0]
            return Int(clamping: try row.double("bytes"))
        }
    }

    /// Counts the start of a job on `day`, unless that would pass a limit. Deleting a job does not take its start back.
    /// - Returns: nil when counted, else the scope whose limit is reached and how many were started.
    public func countJobStart(minion: String, day: Int, userLimit: Int?, minionLimit: Int?) async throws -> (isMinion: Bool, used: Int)? {
        try await database.write { connection in
            let started = try starts(connection, day: day)
            if let userLimit, started.values.reduce(0, +) >= userLimit { return (false, started.values.reduce(0, +)) }
            if let minionLimit, started[minion] ?? 0 >= minionLimit { return (true, started[minion] ?? 0) }
            try connection.query(
                """
                INSERT INTO job_starts (user_id, minion_id, day, starts) VALUES ($1, $2, $3, 1)
                ON CONFLICT (user_id, day, minion_id) DO UPDATE SET starts = job_starts.starts + 1
                """, user, .text(minion), SQLValue(day))
            return nil
        }
    }

    /// Takes a counted start back: the job did not start.
    public func uncountJobStart(minion: String, day: Int) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE job_starts SET starts = starts - 1 WHERE user_id = $1 AND minion_id = $2 AND day = $3 AND starts > 0",
                user, .text(minion), SQLValue(day))
        }
    }

    /// Jobs started on `day`, by minion.
    public func jobStarts(day: Int) async throws -> [String: Int] {
        try await database.scan { try starts($0, day: day) }
    }

    private func starts(_ connection: any Connection, day: Int) throws -> [String: Int] {
        let rows = try connection.query("SELECT minion_id, starts FROM job_starts WHERE user_id = $1 AND day = $2", user, SQLValue(day))
        return Dictionary(uniqueKeysWithValues: try rows.readable { (try $0.text("minion_id"), try $0.int("starts")) })
    }
}
