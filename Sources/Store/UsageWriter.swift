import Foundation

/// A usage record and whose it is.
public struct UsageEntry: Sendable, Equatable {
    public var user: String
    public var record: UsageRecord

    public init(user: String, record: UsageRecord) {
        self.user = user
        self.record = record
    }
}

/// Writes usage of many users at once.
public struct UsageWriter: Sendable {
    let database: any Database

    /// Rows of one statement: its 21 × 64 parameters are within what every SQLite takes, and the text is prepared once.
    private static let batch = 64
    private static let columns = [
        "id", "user_id", "minion_id", "answer_id", "purpose", "provider", "model", "at", "input_tokens", "output_tokens", "cached_tokens",
        "is_estimate", "cost", "latency_ms", "first_token_ms", "outcome", "key_id", "cache_write_tokens", "reasoning_tokens", "counted_cost",
        "request_id",
    ]
    private static let one = statement(rows: 1)
    private static let many = statement(rows: batch)

    /// Writes what is not there yet, in one transaction. Records of users that are gone are left out.
    /// - Returns: how many were left out.
    @discardableResult
    public func insert(_ entries: [UsageEntry]) async throws -> Int {
        guard !entries.isEmpty else { return 0 }
        return try await database.write { connection in
            let users = Set(entries.map(\.user))
            var gone: Set<String> = []
            for user in users where try connection.query("SELECT id FROM users WHERE id = $1", .text(user)).isEmpty { gone.insert(user) }
            let kept = gone.isEmpty ? entries : entries.filter { !gone.contains($0.user) }
            var next = 0
            var parameters: [SQLValue] = []
            while next < kept.count {
                let count = kept.count - next >= Self.batch ? Self.batch : 1
                parameters.removeAll(keepingCapacity: true)
                for entry in kept[next..<next + count] { Self.append(entry, to: &parameters) }
                try connection.query(count == 1 ? Self.one : Self.many, parameters)
                next += count
            }
            return entries.count - kept.count
        }
    }

    private static func append(_ entry: UsageEntry, to parameters: inout [SQLValue]) {
        let record = entry.record
        parameters.append(.text(record.id))
        parameters.append(.text(entry.user))
        parameters.append(SQLValue(record.minionID))
        parameters.append(SQLValue(record.answerID))
        parameters.append(.text(record.purpose))
        parameters.append(.text(record.provider))
        parameters.append(.text(record.model))
        parameters.append(SQLValue(record.at))
        parameters.append(SQLValue(record.inputTokens))
        parameters.append(SQLValue(record.outputTokens))
        parameters.append(SQLValue(record.cachedTokens))
        parameters.append(SQLValue(record.isEstimate))
        parameters.append(SQLValue(record.cost))
        parameters.append(.real(record.latencyMilliseconds))
        parameters.append(SQLValue(record.firstTokenMilliseconds))
        parameters.append(.text(record.outcome))
        parameters.append(SQLValue(record.keyID))
        parameters.append(SQLValue(record.cacheWriteTokens))
        parameters.append(SQLValue(record.reasoningTokens))
        parameters.append(SQLValue(record.countedCost))
        parameters.append(SQLValue(record.requestID))
    }

    private static func statement(rows: Int) -> String {
        let values = (0..<rows).map { row in
            "(" + (1...columns.count).map { "$\(row * columns.count + $0)" }.joined(separator: ",") + ")"
        }
        return "INSERT INTO usage_records (\(columns.joined(separator: ", "))) VALUES \(values.joined(separator: ",")) ON CONFLICT (id) DO NOTHING"
    }
}

extension Store {
    public var usage: UsageWriter { UsageWriter(database: database) }
}
