import Foundation

extension UsageRecord {
    /// A column of tokens as a sum may take it: null where its count is out of bounds, be it that another program wrote the row.
    static func tokensSQL(_ column: String) -> String {
        "CASE WHEN \(column) BETWEEN 0 AND \(maxTokens) AND \(column) = CAST(\(column) AS BIGINT) THEN \(column) END"
    }

    /// The last millisecond of the year 9999.
    static let lastTime = 253_402_300_799_999

    /// Whether a record has a time: what has none is of no day and no month, and no sum has it.
    static let hasTimeSQL = "at BETWEEN 0 AND \(lastTime) AND at = CAST(at AS BIGINT)"

    /// Whether a record's time is none that there is, as an index finds it: text is above every number. A fraction is told by decoding.
    static let isOutOfTimeSQL = "at < 0 OR at > \(lastTime)"

    /// The same of the cost.
    static let costSQL = "CASE WHEN cost BETWEEN 0 AND \(Int(maxCost)) THEN cost END"

    /// The same of the cost as a superuser's budget counts it: the cost itself where nothing else is said.
    static let countedCostSQL = "COALESCE(CASE WHEN counted_cost BETWEEN 0 AND \(Int(maxCost)) THEN counted_cost END, \(costSQL))"

    /// The same of a column of milliseconds.
    static func millisecondsSQL(_ column: String) -> String { "CASE WHEN \(column) BETWEEN 0 AND 1000000000000 THEN \(column) END" }
}

extension UsageReport {
    /// - Parameter owner: whose records; nil for everybody's.
    static func make(_ connection: any Connection, owner: String?, _ query: UsageQuery) throws -> UsageReport {
        let (from, to) = query.bounds
        var parameters: [SQLValue] = [from, to, .integer(Int64(query.offset) * 1000)]
        var condition = "at >= $1 AND at < $2 AND \(UsageRecord.hasTimeSQL)"
        if let owner {
            parameters.append(.text(owner))
            condition += " AND user_id = $4"
        }
        let names = query.groupBy.map { "g_\($0.rawValue)" }
        let groups = query.groupBy.map { "\($0.expression) AS g_\($0.rawValue)" }
        // Without a dimension every record is of the one group 0, which also uses `$3` where no day does.
        let selected = (groups + ["(at + $3) * 0 AS g_all"]).joined(separator: ", ")
        let group = (names + ["g_all"]).joined(separator: ", ")
        let tokens = ["input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"].map {
            "\(UsageRecord.tokensSQL($0)) AS \($0)"
        }.joined(separator: ", ")
        parameters.append(SQLValue(limit + 1))
        let rows = try connection.query(
            """
            WITH picked AS (
                SELECT \(selected), \(tokens), \(UsageRecord.costSQL) AS cost, is_estimate, outcome,
                    CASE WHEN outcome = 'ok' THEN \(UsageRecord.millisecondsSQL("latency_ms")) END AS latency,
                    CASE WHEN outcome = 'ok' THEN \(UsageRecord.millisecondsSQL("first_token_ms")) END AS first_token
                FROM usage_records WHERE \(condition)
            ), ranked AS (
                SELECT picked.*,
                    ROW_NUMBER() OVER (PARTITION BY \(group) ORDER BY CASE WHEN latency IS NULL THEN 1 ELSE 0 END, latency) AS latency_rank,
                    COUNT(latency) OVER (PARTITION BY \(group)) AS latency_count,
                    ROW_NUMBER() OVER (PARTITION BY \(group) ORDER BY CASE WHEN first_token IS NULL THEN 1 ELSE 0 END, first_token) AS first_rank,
                    COUNT(first_token) OVER (PARTITION BY \(group)) AS first_count
                FROM picked
            )
            SELECT \(group),
                SUM(CASE WHEN outcome = 'cache_hit' THEN 0 ELSE 1 END) AS requests,
                SUM(CASE WHEN outcome IN ('ok', 'cancelled', 'cache_hit') THEN 0 ELSE 1 END) AS failures,
                SUM(CASE WHEN outcome = 'cancelled' THEN 1 ELSE 0 END) AS cancelled,
                SUM(CASE WHEN outcome = 'cache_hit' THEN 1 ELSE 0 END) AS cache_hits,
                COALESCE(SUM(input_tokens), 0) AS input_tokens, COALESCE(SUM(output_tokens), 0) AS output_tokens,
                COALESCE(SUM(cached_tokens), 0) AS cached_tokens, COALESCE(SUM(cache_write_tokens), 0) AS cache_write_tokens,
                COALESCE(SUM(reasoning_tokens), 0) AS reasoning_tokens, SUM(CASE WHEN is_estimate = 1 THEN 1 ELSE 0 END) AS estimated, COALESCE(SUM(cost), 0) AS cost,
                SUM(CASE WHEN cost IS NULL AND input_tokens IS NOT NULL THEN 1 ELSE 0 END) AS unpriced,
                \(percentiles("latency", rank: "latency_rank", count: "latency_count")),
                \(percentiles("first_token", rank: "first_rank", count: "first_count"))
            FROM ranked GROUP BY \(group) ORDER BY \(group) LIMIT $\(parameters.count)
            """, parameters)
        let unreadable = try undated(connection, owner: owner, query)
        return UsageReport(
            groupBy: query.groupBy, rows: try rows.prefix(limit).map { try UsageRow($0, query.groupBy) }, isTruncated: rows.count > limit,
            unreadable: unreadable.isEmpty ? nil : unreadable)
    }

    /// The records that no sum has, for want of a time.
    private static func undated(_ connection: any Connection, owner: String?, _ query: UsageQuery) throws -> [UnreadableRow] {
        var parameters = [query.bounds.from, query.bounds.to]
        var condition = "(\(UsageRecord.isOutOfTimeSQL) OR (at >= $1 AND at < $2 AND NOT (\(UsageRecord.hasTimeSQL))))"
        if let owner {
            parameters.append(.text(owner))
            condition += " AND user_id = $3"
        }
        let rows = try connection.query("SELECT id, at FROM usage_records WHERE \(condition) LIMIT \(unreadableLimit)", parameters)
        return try rows.compactMap { row in
            do {
                _ = try UsageRecord.time(row)
                return nil
            } catch let bad as UnreadableRow { return bad }
        }
    }

    /// Nearest rank in whole numbers: the smallest value whose rank times 100 reaches p times the count.
    private static func percentiles(_ column: String, rank: String, count: String) -> String {
        [50, 95, 99].map {
            "MIN(CASE WHEN \(column) IS NOT NULL AND \(rank) * 100 >= \($0) * \(count) THEN \(column) END) AS \(column)_p\($0)"
        }.joined(separator: ", ")
    }
}

extension UsageRow {
    init(_ row: Row, _ groupBy: [UsageQuery.Dimension]) throws {
        requests = try row.int("requests")
        failures = try row.int("failures")
        cancelled = try row.int("cancelled")
        cacheHits = try row.int("cache_hits")
        errorRate = requests > 0 ? Double(failures) / Double(requests) : nil
        inputTokens = try row.int("input_tokens")
        outputTokens = try row.int("output_tokens")
        cachedTokens = try row.int("cached_tokens")
        cacheWriteTokens = try row.int("cache_write_tokens")
        reasoningTokens = try row.int("reasoning_tokens")
        estimatedRequests = try row.int("estimated")
        cost = try row.double("cost")
        unpricedRequests = try row.int("unpriced")
        latencyMilliseconds = try Percentiles(row, "latency")
        firstTokenMilliseconds = try Percentiles(row, "first_token")
        for dimension in groupBy {
            let name = "g_\(dimension.rawValue)"
            switch dimension {
            case .day: day = Self.date(try row.int(name))
            case .user: userID = try row.optionalText(name)
            case .minion: minionID = try row.optionalText(name)
            case .provider: provider = try row.optionalText(name)
            case .model: model = try row.optionalText(name)
            case .key: keyID = try row.optionalText(name)
            }
        }
    }

    private static func date(_ days: Int) -> String {
        Date(timeIntervalSince1970: Double(days) * 86_400).formatted(.iso8601.year().month().day())
    }
}

extension UsageRow.Percentiles {
    init?(_ row: Row, _ column: String) throws {
        guard let p50 = try row.optionalDouble("\(column)_p50"), let p95 = try row.optionalDouble("\(column)_p95"),
            let p99 = try row.optionalDouble("\(column)_p99")
        else { return nil }
        (self.p50, self.p95, self.p99) = (p50, p95, p99)
    }
}

extension UserStore {
    /// Sums over this user's records.
    public func usageReport(_ query: UsageQuery) async throws -> UsageReport {
        try await database.scan { try UsageReport.make($0, owner: userID, query) }
    }
}

extension Store {
    /// Sums over everybody's records, for superusers.
    public func usageReport(_ query: UsageQuery) async throws -> UsageReport {
        try await database.scan { try UsageReport.make($0, owner: nil, query) }
    }
}
