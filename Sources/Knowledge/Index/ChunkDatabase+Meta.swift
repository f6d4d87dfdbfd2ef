import Foundation
import GRDB

/// Facts about the collection, one row each.
extension ChunkDatabase {
    enum Key: String {
        /// Layout version of the files.
        case format
        /// What the collection is made of (see `InputFingerprint`).
        case fingerprint
        /// Rows of the vector file that are on disk.
        case embedded
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
        try queue.read { try Self.get(key, $0) }
    }

    func set(_ key: Key, _ value: String) throws {
        try queue.write { try Self.set(key, value, $0) }
    }

    func summary() throws -> CollectionSummary? {
        try get(.summary).map { try JSONDecoder().decode(CollectionSummary.self, from: Data($0.utf8)) }
    }
}
