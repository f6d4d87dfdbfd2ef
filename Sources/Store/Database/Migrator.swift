import Foundation

/// Applies the one migration list, in order, each in its own transaction, exactly once, whichever of the
/// processes that start together comes first.
enum Migrator {
    static func migrate(_ database: any Database) async throws {
        try await database.migrate { connection in
            try connection.script("CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)")
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
