import Domain
import Foundation
import GRDB

/// A collection, open for searching. Any number of searches may run at once.
///
/// It holds the files open; close it (let go of it) before deleting the folder, or the system keeps the
/// bytes until then.
public final class CollectionIndex: Sendable {
    /// What the collection holds. Of an unfinished one: what it held when it was opened.
    public let summary: CollectionSummary
    /// Hash of sources, settings and embedder; equal for equal collections.
    public let fingerprint: String
    /// Whether the build is finished. An unfinished one finds by words what is cut and by meaning what is
    /// embedded at the moment of each search; it goes on working when the build ends, from then on whole.
    public let isComplete: Bool
    let database: ChunkDatabase
    private let source: VectorSource

    private enum VectorSource: Sendable {
        case whole(VectorFiles)
        case growing(GrowingVectors)
    }

    private init(
        summary: CollectionSummary, fingerprint: String, isComplete: Bool, database: ChunkDatabase, source: VectorSource
    ) {
        self.summary = summary
        self.fingerprint = fingerprint
        self.isComplete = isComplete
        self.database = database
        self.source = source
    }

    /// Opens a finished collection and checks that its files belong together. Reads headers and counts,
    /// not the whole files.
    ///
    /// - Throws: `KnowledgeError.indexDamaged` when a file is missing, cut, of another format version, or
    ///   disagrees with the others in count or dimension.
    public static func open(_ directory: URL) throws -> CollectionIndex {
        try opening(directory) { file, damaged in
            let database = try ChunkDatabase.openForReading(file)
            guard try database.get(.format) == ChunkDatabase.formatVersion else {
                throw damaged("its format is not version \(ChunkDatabase.formatVersion)")
            }
            guard var summary = try database.summary(), let fingerprint = try database.get(.fingerprint) else {
                throw damaged("its build was not finished")
            }
            let vectors = try VectorFiles(directory, collection: directory.lastPathComponent)
            let chunks = try database.chunkCount()
            guard chunks.count == summary.chunks, chunks.first == 1, chunks.last == chunks.count, vectors.count == chunks.count else {
                throw damaged(
                    "\(summary.chunks) chunks were built, but there are \(chunks.count) texts, numbered \(chunks.first) to \(chunks.last), "
                        + "and \(vectors.count) vectors")
            }
            // Rows up to here are read where they lie.
            guard try database.get(.embedded).flatMap(Int.init) == chunks.count else {
                throw damaged("not all of its chunks were counted as embedded")
            }
            guard vectors.dimension == summary.embedder.dimension else {
                throw damaged(
                    "its vectors have \(vectors.dimension) dimensions, those of \(summary.embedder.model) have \(summary.embedder.dimension)")
            }
            summary.bytes = try CollectionFolder.bytes(directory)
            return CollectionIndex(
                summary: summary, fingerprint: fingerprint, isComplete: true, database: database, source: .whole(vectors))
        }
    }

    /// Opens the collection that is being built into `directory`, by this process or another, or whose
    /// build was interrupted. Nil where there is none, or nothing of it yet.
    ///
    /// - Throws: `KnowledgeError.indexDamaged` when it cannot be read.
    public static func openUnfinished(_ directory: URL) throws -> CollectionIndex? {
        let folder = CollectionFolder.allUnfinished(directory).first {
            FileManager.default.fileExists(atPath: $0.appendingPathComponent(CollectionFolder.chunks).path)
        }
        guard let folder else { return nil }
        return try opening(folder) { file, damaged -> CollectionIndex? in
            let database = try ChunkDatabase.openUnfinished(file)
            return try database.read { db -> CollectionIndex? in
                // A build that has only just begun has no tables yet.
                guard try db.tableExists("meta"), let fingerprint = try ChunkDatabase.get(.fingerprint, db),
                    let embedder = try ChunkDatabase.get(.embedder, db)
                else { return nil }
                guard try ChunkDatabase.get(.format, db) == ChunkDatabase.formatVersion else {
                    throw damaged("its format is not version \(ChunkDatabase.formatVersion)")
                }
                let row = try Row.fetchOne(db, sql: "SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(tokens), 0) FROM documents")!
                let summary = CollectionSummary(
                    documents: try row.decode(atIndex: 0), chunks: try row.decode(atIndex: 1), tokens: try row.decode(atIndex: 2), bytes: 0,
                    embedder: try ChunkDatabase.decode(embedder), problems: [])
                guard VectorLayout.dimensions.contains(summary.embedder.dimension) else {
                    throw damaged("its vectors have \(summary.embedder.dimension) dimensions")
                }
                guard let vectors = GrowingVectors(folder, dimension: summary.embedder.dimension) else { return nil }
                return CollectionIndex(
                    summary: summary, fingerprint: fingerprint, isComplete: false, database: database, source: .growing(vectors))
            }
        }
    }

    private static func opening<Result>(
        _ folder: URL, _ body: (_ file: URL, _ damaged: (String) -> KnowledgeError) throws -> Result
    ) throws -> Result {
        func damaged(_ reason: String) -> KnowledgeError { .indexDamaged(collection: folder.lastPathComponent, reason: reason) }
        let file = folder.appendingPathComponent(CollectionFolder.chunks)
        guard FileManager.default.fileExists(atPath: file.path) else { throw damaged("\(CollectionFolder.chunks) is missing") }
        do {
            return try body(file, damaged)
        } catch let error as DatabaseError {
            throw damaged("\(CollectionFolder.chunks): \(error.message ?? "SQLite error \(error.resultCode.rawValue)")")
        } catch let error as DecodingError {
            throw damaged("its summary cannot be read (\(error))")
        }
    }

    /// Documents in the order they were read, newest version's first.
    ///
    /// - Parameter filter: only those it matches.
    /// - Throws: SQLite's error.
    public func documents(limit: Int = 100, offset: Int = 0, filter: DocumentFilter = .init()) throws -> [IndexedDocument] {
        try database.documents(limit: max(0, limit), offset: max(0, offset), filter: filter)
    }

    /// The vectors: all of a finished collection, of another at least the first `count` as far as they
    /// are there.
    func vectors(count: Int) throws -> VectorFiles {
        switch source {
        case .whole(let pair): pair
        case .growing(let vectors): try vectors.rows(count)
        }
    }
}
