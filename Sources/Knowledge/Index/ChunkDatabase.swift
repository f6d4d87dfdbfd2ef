import Foundation
import GRDB

/// chunks.sqlite: text, full-text index and facts about the collection. Row `number` of `chunks` is row
/// `number - 1` of vectors.f32.
struct ChunkDatabase: Sendable {
    /// Version of both files' layout; other versions are rebuilt, not migrated: the documents are the truth.
    static let formatVersion = "1"

    let queue: any DatabaseWriter

    /// Opens or creates the database of an unfinished build, for this process alone.
    ///
    /// - Throws: `KnowledgeError.buildBusy` while another builder has it open.
    static func openForBuilding(_ url: URL, collection: String) throws -> ChunkDatabase {
        try Durable.createPrivateFile(url)
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
        }
        do {
            let queue = try DatabaseQueue(path: url.path, configuration: configuration)
            // The first write takes the lock and, in this mode, keeps it.
            try queue.write { db in try createSchema(db) }
            return ChunkDatabase(queue: queue)
        } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
            throw KnowledgeError.buildBusy(collection: collection)
        }
    }

    /// Opens a finished database for several readers at once; writes nothing beside it.
    static func openForReading(_ url: URL) throws -> ChunkDatabase {
        var configuration = Configuration()
        configuration.readonly = true
        return ChunkDatabase(queue: try DatabasePool(path: url.path, configuration: configuration))
    }

    private static func createSchema(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS documents (
                    id INTEGER PRIMARY KEY,
                    name TEXT NOT NULL UNIQUE,
                    title TEXT NOT NULL,
                    sha256 TEXT NOT NULL,
                    bytes INTEGER NOT NULL,
                    chunks INTEGER NOT NULL CHECK (chunks > 0),
                    tokens INTEGER NOT NULL
                );
                -- Title and headings are repeated per chunk because the full-text index reads its columns here.
                CREATE TABLE IF NOT EXISTS chunks (
                    number INTEGER PRIMARY KEY,
                    id TEXT NOT NULL UNIQUE,
                    document_id INTEGER NOT NULL REFERENCES documents (id),
                    title TEXT NOT NULL,
                    headings TEXT NOT NULL,
                    text TEXT NOT NULL,
                    start_byte INTEGER NOT NULL,
                    end_byte INTEGER NOT NULL CHECK (end_byte > start_byte),
                    tokens INTEGER NOT NULL
                );
                CREATE VIRTUAL TABLE IF NOT EXISTS chunks_fts USING fts5(
                    title, headings, text, content = 'chunks', content_rowid = 'number',
                    tokenize = 'porter unicode61 remove_diacritics 2'
                );
                """)
    }

    /// Closes the file, so that it may be renamed or removed.
    func close() throws {
        try queue.close()
    }
}
