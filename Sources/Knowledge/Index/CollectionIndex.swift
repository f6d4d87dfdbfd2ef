import Foundation
import GRDB

/// A finished collection, open for searching. Any number of searches may run at once.
///
/// It holds the two files open; close it (let go of it) before deleting the folder, or the system keeps
/// the bytes until then.
public final class CollectionIndex: Sendable {
    /// What the collection holds.
    public let summary: CollectionSummary
    /// Hash of sources, settings and embedder; equal for equal collections.
    public let fingerprint: String
    let database: ChunkDatabase
    let vectors: VectorFile

    private init(summary: CollectionSummary, fingerprint: String, database: ChunkDatabase, vectors: VectorFile) {
        self.summary = summary
        self.fingerprint = fingerprint
        self.database = database
        self.vectors = vectors
    }

    /// Opens a collection and checks that its files belong together. Reads headers and counts, not the
    /// whole files.
    ///
    /// - Throws: `KnowledgeError.indexDamaged` when a file is missing, cut, of another format version, or
    ///   disagrees with the other in count or dimension.
    public static func open(_ directory: URL) throws -> CollectionIndex {
        let collection = directory.lastPathComponent
        func damaged(_ reason: String) -> KnowledgeError { .indexDamaged(collection: collection, reason: reason) }
        let file = directory.appendingPathComponent(CollectionFolder.chunks)
        guard FileManager.default.fileExists(atPath: file.path) else { throw damaged("\(CollectionFolder.chunks) is missing") }
        do {
            let database = try ChunkDatabase.openForReading(file)
            guard try database.get(.format) == ChunkDatabase.formatVersion else {
                throw damaged("its format is not version \(ChunkDatabase.formatVersion)")
            }
            guard var summary = try database.summary(), let fingerprint = try database.get(.fingerprint) else {
                throw damaged("its build was not finished")
            }
            let vectors = try VectorFile(directory.appendingPathComponent(CollectionFolder.vectors), collection: collection)
            let chunks = try database.chunkCount()
            guard chunks.count == summary.chunks, chunks.last == chunks.count, vectors.header.count == chunks.count else {
                throw damaged("\(summary.chunks) chunks were built, but there are \(chunks.count) texts and \(vectors.header.count) vectors")
            }
            guard vectors.header.dimension == summary.embedder.dimension else {
                throw damaged(
                    "its vectors have \(vectors.header.dimension) dimensions, those of \(summary.embedder.model) have \(summary.embedder.dimension)")
            }
            summary.bytes = try CollectionFolder.bytes(directory)
            return CollectionIndex(summary: summary, fingerprint: fingerprint, database: database, vectors: vectors)
        } catch let error as DatabaseError {
            throw damaged("\(CollectionFolder.chunks): \(error.message ?? "SQLite error \(error.resultCode.rawValue)")")
        } catch let error as DecodingError {
            throw damaged("its summary cannot be read (\(error))")
        }
    }

    /// Documents in the order they were read.
    ///
    /// - Throws: SQLite's error.
    public func documents(limit: Int = 100, offset: Int = 0) throws -> [IndexedDocument] {
        try database.documents(limit: max(0, limit), offset: max(0, offset))
    }
}
