import Foundation

/// Applies the one migration list, in order, each in its own transaction, exactly once, whichever of the
/// processes that start together comes first.
enum Migrator {
    /// - Parameter folder: what the data directory says of itself; nil where the rows have none.
    /// - Throws: ``WrongDatabase`` for rows of another installation, or of a newer version; nothing is changed then.
    static func migrate(_ database: any Database, folder: InstallationFolder? = nil) async throws {
        try await database.migrate { connection in
            try connection.script("CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)")
            let version = try connection.query("SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations")[0].int("version")
            guard version <= Migrations.all.count else { throw WrongDatabase.newer(version, known: Migrations.all.count) }
            guard let folder else { return }
            let hasID = version >= Migrations.all.firstIndex(of: Migrations.recovery)! + 1
            try folder.check(
                against: hasID ? connection.query("SELECT id FROM installation").first?.text("id") : nil,
                knows: { try version > 0 && !connection.query("SELECT id FROM users WHERE id = $1", .text($0)).isEmpty })
        }
        for (index, migration) in Migrations.all.enumerated() {
            let version = index + 1
            try await database.migrate { connection in
                guard try connection.query("SELECT version FROM schema_migrations WHERE version = $1", SQLValue(version)).isEmpty else { return }
                try connection.script(connection.dialect.migration(migration))
                try connection.query(
                    "INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)", SQLValue(version), SQLValue(Date()))
            }
        }
    }
}
