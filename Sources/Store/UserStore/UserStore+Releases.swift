import Foundation

extension UserStore {
    public func releases(minionID: String, _ page: PageRequest = .first) async throws -> Page<Release> {
        try await database.read { connection in
            _ = try row(connection, "external_api_models", minionID, what: "minion")
            return try page.page(
                connection, from: "releases", where: "user_id = $1 AND minion_id = $2", [user, .text(minionID)], decode: Release.init)
        }
    }

    public func release(_ id: String) async throws -> Release {
        try await database.read { try Release(row: row($0, "releases", id, what: "release")) }
    }

    public func adapter(_ id: String) async throws -> Adapter {
        try await database.read { try Adapter(row: row($0, "adapters", id, what: "adapter")) }
    }

    /// Keeps an answer and its trace.
    public func saveAnswer(id: String, minionID: String, releaseID: String?, question: String, answer: String, trace: String, at: Date)
        async throws
    {
        try await database.write { connection in
            try connection.query(
                """
                INSERT INTO answers (id, user_id, minion_id, release_id, question, answer, trace, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                .text(id), user, .text(minionID), SQLValue(releaseID), .text(question), .text(answer), .text(trace), SQLValue(at))
        }
    }

    public func answer(_ id: String) async throws -> AnswerRecord {
        try await database.read { try AnswerRecord(row: row($0, "answers", id, what: "answer")) }
    }

    /// Writes records past the journal.
    public func recordUsage(_ records: [UsageRecord]) async throws {
        try await UsageWriter(database: database).insert(records.map { UsageEntry(user: userID, record: $0) })
    }

    /// Attempts, newest first.
    /// - Parameter query: its times; its dimensions play no part.
    public func usage(_ page: PageRequest = .first, _ query: UsageQuery = .init()) async throws -> Page<UsageRecord> {
        try await database.read {
            // A record whose time cannot be read is of every time: it is told of, not left out.
            try page.page(
                $0, from: "usage_records", where: "user_id = $1 AND (at >= $2 AND at < $3 OR \(UsageRecord.isOutOfTimeSQL))",
                [user, query.bounds.from, query.bounds.to], decode: UsageRecord.init)
        }
    }

    /// Sums by provider and model. Unknown costs are counted, never taken for 0.
    public func usageSummary(_ query: UsageQuery = .init()) async throws -> [UsageSummary] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT provider, model, SUM(CASE WHEN outcome = 'cache_hit' THEN 0 ELSE 1 END) AS requests,
                    SUM(CASE WHEN outcome IN ('ok', 'cancelled', 'cache_hit') THEN 0 ELSE 1 END) AS failures,
                    COALESCE(SUM(\(UsageRecord.tokensSQL("input_tokens"))), 0) AS input_tokens,
                    COALESCE(SUM(\(UsageRecord.tokensSQL("output_tokens"))), 0) AS output_tokens,
                    COALESCE(SUM(\(UsageRecord.costSQL)), 0) AS cost, SUM(CASE WHEN cost IS NULL AND input_tokens IS NOT NULL THEN 1 ELSE 0 END) AS unpriced
                FROM usage_records WHERE user_id = $1 AND at >= $2 AND at < $3 AND \(UsageRecord.hasTimeSQL) GROUP BY provider, model ORDER BY provider, model
                """, user, query.bounds.from, query.bounds.to
            ).map { row in
                UsageSummary(
                    provider: try row.text("provider"), model: try row.text("model"), requests: try row.int("requests"),
                    failures: try row.int("failures"), inputTokens: try row.int("input_tokens"), outputTokens: try row.int("output_tokens"),
                    cost: try row.double("cost"), unpricedRequests: try row.int("unpriced"))
            }
        }
    }
}
