import Domain
import Foundation

/// The limits that hold where a user has none of their own.
public struct LimitTable: Sendable {
    let database: any Database

    public func defaults() async throws -> Limits {
        try await database.read { connection in
            try connection.query("SELECT * FROM limits WHERE id = 'default'").first.map(Limits.init) ?? Limits()
        }
    }

    public func setDefaults(_ limits: Limits) async throws {
        try await database.write { connection in
            try connection.query(
                """
                INSERT INTO limits (id, scope, settings, updated_at) VALUES ('default', 'default', $1, $2)
                ON CONFLICT (id) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at
                """, try SQLValue(json: limits), SQLValue(Date()))
            try connection.audit(.limitsSet, target: "default", limits.auditDetail("default"))
        }
    }
}

extension Limits {
    /// - Throws: ``UnreadableRow`` that says that they are limits, and whose: without them nothing of that user's is let through.
    init(row: Row) throws {
        do { self = try row.json("settings") } catch var bad as UnreadableRow {
            bad.id = "limits of \(bad.id)"
            throw bad
        }
    }

    /// The limits by name, for the audit log.
    func auditDetail(_ scope: String) throws -> [String: String] {
        let values = try JSONSerialization.jsonObject(with: JSONEncoder().encode(self)) as? [String: Any] ?? [:]
        return values.mapValues { "\($0)" }.merging(["scope": scope]) { _, scope in scope }
    }
}

extension Store {
    public var limits: LimitTable { LimitTable(database: database) }
}
