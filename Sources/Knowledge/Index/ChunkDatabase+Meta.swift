import Foundation
import GRDB

/// Facts about the collection, one row each.
extension ChunkDatabase {
    enum Key: String {
        /// Layout version of the files.
        case format
        /// What the collection is made of (see `InputFingerprint`).
        case fingerprint
        /// JSON of `EmbedderIdentity` and of `ChunkingSettings`.
        case embedder
        case settings
        /// Rows of the vector files that are on disk.
        case embedded
        /// How many of them were copied from the version before.
        case reused
        /// JSON of `CollectionSummary`; present once all documents are cut.
        case summary
    }

    static func get(_ key: Key, _ db: Database) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key.rawValue])
    }

    static func set(_ key: Key, _ value: String, _ db: Database) throws {
        try db.execute(sql: "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", arguments: [key.rawValue, value])
    }

    func get(_ key: Key) throws -> String? {
        try read { try Self.get(key, $0) }
    }

    func set(_ key: Key, _ value: String) throws {
        try queue.write { try Self.set(key, value, $0) }
    }

    func summary() throws -> CollectionSummary? {
        try read { db in
            guard var summary = try Self.get(.summary, db).map({ try Self.decode($0, as: CollectionSummary.self) }) else { return nil }
            let embedded = max(0, Int(try Self.get(.embedded, db) ?? "0") ?? 0)
            let reused = min(embedded, max(0, Int(try Self.get(.reused, db) ?? "0") ?? 0))
            summary.changes?.chunksReused = reused
            summary.changes?.chunksEmbedded = embedded - reused
            return summary
        }
    }
}
