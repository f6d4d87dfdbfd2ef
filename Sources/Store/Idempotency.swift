import Foundation

/// Remembers what a create answered, so that the same request sent twice creates once.
public struct IdempotencyRecord: Sendable, Equatable {
    public var requestHash: String
    /// Absent while the first request is still running.
    public var status: Int?
    public var body: String?
}

extension UserStore {
    /// Takes the key for this request.
    /// - Returns: nil when it is new, else what is known of the earlier request.
    public func beginIdempotent(key: String, requestHash: String, now: Date = Date()) async throws -> IdempotencyRecord? {
        try await database.write { connection in
            // A day is how long a client may retry.
            try connection.query(
                "DELETE FROM idempotency_keys WHERE user_id = $1 AND created_at < $2", user, SQLValue(now.addingTimeInterval(-86_400)))
            let inserted = try connection.query(
                """
                INSERT INTO idempotency_keys (user_id, idempotency_key, request_hash, created_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING user_id
                """, user, .text(key), .text(requestHash), SQLValue(now))
            guard inserted.isEmpty else { return nil }
            let row = try connection.query("SELECT * FROM idempotency_keys WHERE user_id = $1 AND idempotency_key = $2", user, .text(key))[0]
            return IdempotencyRecord(
                requestHash: try row.text("request_hash"), status: try row.optionalInt("status"), body: try row.optionalText("body"))
        }
    }

    public func finishIdempotent(key: String, status: Int, body: String) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE idempotency_keys SET status = $3, body = $4 WHERE user_id = $1 AND idempotency_key = $2",
                user, .text(key), SQLValue(status), .text(body))
        }
    }

    /// Frees the key: the request failed and may be tried again.
    public func abandonIdempotent(key: String) async throws {
        try await database.write { connection in
            try connection.query("DELETE FROM idempotency_keys WHERE user_id = $1 AND idempotency_key = $2", user, .text(key))
        }
    }
}
