import Domain
import Foundation

/// Whose limits.
public enum LimitTarget: Sendable, Equatable {
    /// The user, as a superuser sets it.
    case user
    /// The user, as they set it themselves.
    case own
    case minion(String)
    case key(String)
}

extension UserStore {
    /// Every limit that holds for this user, in one consistent state.
    public func limitSettings() async throws -> LimitSettings {
        try await database.read { connection in
            var settings = LimitSettings()
            let rows = try connection.query(
                """
                SELECT * FROM limits WHERE (user_id = $1 OR scope = 'default')
                    AND (key_id IS NULL OR key_id IN (SELECT id FROM user_api_keys WHERE user_id = $1))
                """, user)
            for row in rows {
                let limits = try Limits(row: row)
                switch try row.text("scope") {
                case "default": settings.defaults = limits
                case "user": settings.user = limits
                case "own": settings.own = limits
                case "minion": settings.minions[try row.text("minion_id")] = limits
                default: settings.keys[try row.text("key_id")] = limits
                }
            }
            return settings
        }
    }

    /// Replaces the limits of `target`; empty ones are removed.
    /// - Throws: ``StoreError/notFound(_:)`` where the minion or key is not this user's.
    public func setLimits(_ limits: Limits, for target: LimitTarget) async throws {
        try await database.write { connection in
            var scope = "user"
            var minion: String?
            var key: String?
            switch target {
            case .user: guard try !connection.query("SELECT id FROM users WHERE id = $1", user).isEmpty else { throw StoreError.notFound("user") }
            case .own: scope = "own"
            case .minion(let id): (scope, minion) = ("minion", id)
            case .key(let id): (scope, key) = ("key", id)
            }
            try find(connection, target)
            let id = SQLValue.text("\(scope)/\(minion ?? key ?? userID)")
            try connection.audit(.limitsSet, target: minion ?? key ?? userID, of: userID, limits.auditDetail(scope))
            guard !limits.isEmpty else {
                try connection.query("DELETE FROM limits WHERE id = $1 AND user_id = $2", id, user)
                return
            }
            try connection.query(
                """
                INSERT INTO limits (id, scope, user_id, minion_id, key_id, settings, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at
                """, id, .text(scope), user, SQLValue(minion), SQLValue(key), try SQLValue(json: limits), SQLValue(Date()))
        }
    }

    /// - Throws: ``StoreError/notFound(_:)`` where the minion or key is not this user's.
    public func requireLimitTarget(_ target: LimitTarget) async throws {
        try await database.read { try find($0, target) }
    }

    private func find(_ connection: any Connection, _ target: LimitTarget) throws {
        switch target {
        case .user, .own: break
        case .minion(let id): _ = try row(connection, "external_api_models", id, what: "minion")
        case .key(let id): _ = try row(connection, "user_api_keys", id, what: "provider key")
        }
    }
}
