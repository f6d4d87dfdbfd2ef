import Foundation

/// How much of a user's the response cache keeps, and how long.
public struct ResponseCacheBounds: Sendable, Equatable {
    public var lifetime: Duration
    /// Of one user's replies together.
    public var bytes: Int
    /// Of one user.
    public var rows: Int

    public init(lifetime: Duration = .seconds(86_400), bytes: Int = 64 << 20, rows: Int = 10_000) {
        self.lifetime = lifetime
        self.bytes = bytes
        self.rows = rows
    }
}

/// A reply that was kept.
public struct CachedReply: Sendable, Equatable {
    /// JSON as it was kept.
    public var body: String
    public var createdAt: Date
    public var expiresAt: Date
    /// How often it was given again, this time included.
    public var hits: Int
}

extension UserStore {
    /// The reply of this user's minion that was kept under the hash, unless its time is over.
    public func cachedReply(_ hash: String, minionID: String, now: Date = Date()) async throws -> CachedReply? {
        try await database.write { connection in
            try connection.query(
                """
                UPDATE response_cache SET hits = hits + 1 WHERE user_id = $1 AND key_hash = $2 AND minion_id = $3 AND expires_at > $4 RETURNING *
                """, user, .text(hash), .text(minionID), SQLValue(now)
            ).first.map { row in
                CachedReply(
                    body: try row.text("body"), createdAt: try row.date("created_at"), expiresAt: try row.date("expires_at"),
                    hits: try row.int("hits"))
            }
        }
    }

    /// Keeps a reply; what is over its time or above the bounds goes, the oldest first. A reply that is
    /// larger than the bound alone is not kept.
    public func saveReply(
        _ hash: String, minionID: String, releaseID: String?, body: String, bounds: ResponseCacheBounds, now: Date = Date()
    ) async throws {
        let bytes = body.utf8.count
        guard bytes <= bounds.bytes, bounds.rows > 0 else { return }
        try await database.write { connection in
            _ = try row(connection, "external_api_models", minionID, what: "minion")
            try connection.query(
                """
                INSERT INTO response_cache (user_id, key_hash, minion_id, release_id, body, bytes, hits, created_at, expires_at)
                VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)
                ON CONFLICT (user_id, key_hash) DO UPDATE SET minion_id = $3, release_id = $4, body = $5, bytes = $6, hits = 0, created_at = $7, expires_at = $8
                """,
                user, .text(hash), .text(minionID), SQLValue(releaseID), .text(body), SQLValue(bytes), SQLValue(now),
                SQLValue(now.addingTimeInterval(bounds.lifetime.seconds)))
            try connection.query("DELETE FROM response_cache WHERE user_id = $1 AND expires_at <= $2", user, SQLValue(now))
            let kept = try connection.query(
                "SELECT COUNT(*) AS rows_kept, COALESCE(SUM(bytes), 0) AS bytes_kept FROM response_cache WHERE user_id = $1", user)[0]
            guard try kept.int("rows_kept") > bounds.rows || kept.int("bytes_kept") > bounds.bytes else { return }
            try connection.query(
                """
                DELETE FROM response_cache WHERE user_id = $1 AND key_hash IN (
                    SELECT key_hash FROM (
                        SELECT key_hash, SUM(bytes) OVER (ORDER BY created_at DESC, key_hash DESC) AS running,
                            ROW_NUMBER() OVER (ORDER BY created_at DESC, key_hash DESC) AS place
                        FROM response_cache WHERE user_id = $1
                    ) AS ranked WHERE running > $2 OR place > $3)
                """, user, SQLValue(bounds.bytes), SQLValue(bounds.rows))
        }
    }
}
