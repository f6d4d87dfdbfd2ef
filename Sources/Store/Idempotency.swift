import Foundation

/// Remembers what a create answered, so that the same request sent twice creates once.
public struct IdempotencyRecord: Sendable, Equatable {
    public var requestHash: String
    /// Absent while the first request is still running, and where nobody knows how it ended.
    public var status: Int?
    public var body: String?
    /// The first request has no answer and will have none: whoever ran it is gone, or could not tell how it ended.
    public var isAbandoned = false
}

/// Whose a key is while its request runs: the process, until it has been silent for `duration`.
public struct IdempotencyLease: Sendable {
    public var owner: String
    public var duration: Duration

    public init(owner: String, duration: Duration = .seconds(60)) {
        self.owner = owner
        self.duration = duration
    }
}

extension UserStore {
    /// Takes the key for this request.
    /// - Parameter isAlive: whether an owner's name may be one of a living process; a lease that ran out is over whatever it says.
    /// - Returns: nil when it is new, else what is known of the earlier request.
    public func beginIdempotent(
        key: String, requestHash: String, lease: IdempotencyLease, isAlive: @Sendable @escaping (String) -> Bool = { _ in true }, now: Date = Date()
    ) async throws -> IdempotencyRecord? {
        try await database.write { connection in
            // A day is how long a client may retry.
            try connection.query(
                "DELETE FROM idempotency_keys WHERE user_id = $1 AND created_at < $2", user, SQLValue(now.addingTimeInterval(-86_400)))
            let inserted = try connection.query(
                """
                INSERT INTO idempotency_keys (user_id, idempotency_key, request_hash, created_at, owner, lease_expires_at)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING user_id
                """, user, .text(key), .text(requestHash), SQLValue(now), .text(lease.owner),
                SQLValue(now.addingTimeInterval(lease.duration.seconds)))
            guard inserted.isEmpty else { return nil }
            let row = try connection.query("SELECT * FROM idempotency_keys WHERE user_id = $1 AND idempotency_key = $2", user, .text(key))[0]
            var record = IdempotencyRecord(
                requestHash: try row.text("request_hash"), status: try row.optionalInt("status"), body: try row.optionalText("body"))
            if record.status == nil {
                let isOver = try row.optionalDate("lease_expires_at").map { $0 < now } ?? true
                record.isAbandoned = try isOver || row.optionalText("owner").map { !isAlive($0) } ?? true
            }
            return record
        }
    }

    /// Says that the request still runs.
    public func renewIdempotent(key: String, lease: IdempotencyLease, now: Date = Date()) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE idempotency_keys SET lease_expires_at = $4 WHERE user_id = $1 AND idempotency_key = $2 AND owner = $3 AND status IS NULL",
                user, .text(key), .text(lease.owner), SQLValue(now.addingTimeInterval(lease.duration.seconds)))
        }
    }

    /// Notes the answer.
    /// - Parameter requestHash: of the request as it is known by then; a file's content is known only when it has been read.
    public func finishIdempotent(key: String, owner: String, requestHash: String, status: Int, body: String) async throws {
        try await database.write { connection in
            try connection.query(
                """
                UPDATE idempotency_keys SET status = $4, body = $5, request_hash = $6
                WHERE user_id = $1 AND idempotency_key = $2 AND owner = $3 AND status IS NULL
                """, user, .text(key), .text(owner), SQLValue(status), .text(body), .text(requestHash))
        }
    }

    /// Frees the key: the request failed and may be tried again.
    public func freeIdempotent(key: String, owner: String) async throws {
        try await database.write { connection in
            try connection.query(
                "DELETE FROM idempotency_keys WHERE user_id = $1 AND idempotency_key = $2 AND owner = $3 AND status IS NULL",
                user, .text(key), .text(owner))
        }
    }

    /// Gives the key up without an answer: nobody can tell whether the request did what it was to do.
    public func abandonIdempotent(key: String, owner: String) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE idempotency_keys SET lease_expires_at = 0 WHERE user_id = $1 AND idempotency_key = $2 AND owner = $3 AND status IS NULL",
                user, .text(key), .text(owner))
        }
    }
}
