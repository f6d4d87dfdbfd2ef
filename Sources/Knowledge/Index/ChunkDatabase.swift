import Foundation
import GRDB

/// chunks.sqlite: documents, chunks, full-text index and facts about the collection. Row `number` of
/// `chunks` is row `number - 1` of the vector files.
struct ChunkDatabase: Sendable {
    /// Version of the files' layout; other versions are rebuilt, not migrated: the documents are the truth.
    static let formatVersion = "2"

    let queue: any DatabaseWriter
    /// The folder's name, for what goes wrong.
    let collection: String
    /// A serial queue has a thread of its own, however few those of the tasks are.
    private let beside = DispatchQueue(label: "atelier.knowledge.reads")

    private init(_ queue: any DatabaseWriter, _ file: URL) {
        self.queue = queue
        collection = file.deletingLastPathComponent().lastPathComponent
    }

    /// Reads. Rows that no builder wrote (absent values, values of another type, pages that are none) are a damaged
    /// index, and only that.
    ///
    /// - Throws: `KnowledgeError.indexDamaged`; SQLite's other errors.
    func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do { return try queue.read(body) } catch { throw explained(error) }
    }

    /// The same beside the caller's thread, on one that takes a connection, uses it and gives it back by itself: the pool's own
    /// would give it back on a thread of the tasks, and where those all wait for a connection, none ever would.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            beside.async { continuation.resume(with: Result { try read(body) }) }
        }
    }

    private func explained(_ error: any Error) -> any Error {
        switch error {
        case let error as RowDecodingError: KnowledgeError.indexDamaged(collection: collection, reason: "a row holds what no build writes (\(error))")
        case is DecodingError: KnowledgeError.indexDamaged(collection: collection, reason: "a row holds what no build writes (\(error))")
        case let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode):
            KnowledgeError.indexDamaged(collection: collection, reason: "\(CollectionFolder.chunks): \(error.message ?? "it is no database")")
        default: error
        }
    }

    /// What a row says that no build writes.
    func damaged(_ reason: String) -> KnowledgeError { .indexDamaged(collection: collection, reason: reason) }

    /// Opens or creates the database of an unfinished build. Its holder has the `BuildLock`; searches may
    /// read beside it.
    static func openForBuilding(_ url: URL) throws -> ChunkDatabase {
        try Durable.createPrivateFile(url)
        var configuration = Configuration()
        // A search that reads at this moment is over in milliseconds.
        configuration.busyMode = .timeout(60)
        configuration.prepareDatabase { db in
            // A group of documents stays in memory until it is committed: before that no reader waits.
            try db.execute(sql: "PRAGMA cache_size = -65536")
        }
        let queue = try DatabaseQueue(path: url.path, configuration: configuration)
        try queue.write { db in try createSchema(db) }
        return ChunkDatabase(queue, url)
    }

    /// Opens a finished database for several readers at once; writes nothing beside it.
    static func openForReading(_ url: URL) throws -> ChunkDatabase {
        var configuration = Configuration()
        configuration.readonly = true
        return ChunkDatabase(try DatabasePool(path: url.path, configuration: configuration), url)
    }

    /// Opens the database of a build that may be running. May write only what SQLite itself has to: to
    /// roll back the half of a transaction that a killed builder left.
    static func openUnfinished(_ url: URL) throws -> ChunkDatabase {
        var configuration = Configuration()
        configuration.busyMode = .timeout(60)
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA query_only = ON") }
        return ChunkDatabase(try DatabaseQueue(path: url.path, configuration: configuration), url)
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
                    format TEXT NOT NULL,
                    kind TEXT NOT NULL,
                    date TEXT,
                    tags TEXT NOT NULL CHECK (json_valid(tags)),
                    pages TEXT NOT NULL CHECK (json_valid(pages)),
                    bytes INTEGER NOT NULL,
                    tokens INTEGER NOT NULL,
                    -- Its chunks are first_chunk ..< first_chunk + chunks.
                    first_chunk INTEGER NOT NULL UNIQUE,
                    chunks INTEGER NOT NULL CHECK (chunks > 0)
                );
                CREATE INDEX IF NOT EXISTS documents_sha256 ON documents (sha256);
                -- The text itself, apart from the row that lists and filters read: for another way of cutting,
                -- and for what stands between two chunks.
                CREATE TABLE IF NOT EXISTS document_texts (
                    document_id INTEGER PRIMARY KEY REFERENCES documents (id),
                    text TEXT NOT NULL
                );
                -- Title and headings are repeated per chunk because the full-text index reads its columns here.
                CREATE TABLE IF NOT EXISTS chunks (
                    number INTEGER PRIMARY KEY,
                    id TEXT NOT NULL UNIQUE,
                    document_id INTEGER NOT NULL REFERENCES documents (id),
                    start_byte INTEGER NOT NULL,
                    end_byte INTEGER NOT NULL CHECK (end_byte > start_byte),
                    page INTEGER,
                    tokens INTEGER NOT NULL,
                    title TEXT NOT NULL,
                    headings TEXT NOT NULL,
                    text TEXT NOT NULL
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
