import Domain
import Foundation
import GRDB

extension CollectionIndex {
    /// Copies the vectors into another index, which searches can then be given instead of the files here.
    ///
    /// - Parameter onProgress: called with the number of chunks copied so far.
    public func load(into target: any VectorIndex, onProgress: @Sendable (Int) -> Void = { _ in }) async throws {
        let known = try await database.extent(nil).embedded
        let vectors = try vectors(count: known)
        let count = min(known, vectors.count)
        let size = 1024
        for start in stride(from: 0, to: count, by: size) {
            try Task.checkCancellation()
            let rows = start..<min(count, start + size)
            let entries = try await database.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT c.number, c.id, d.name, d.tags, d.date, d.kind FROM chunks c JOIN documents d ON d.id = c.document_id
                        WHERE c.number BETWEEN ? AND ? ORDER BY c.number
                        """, arguments: [rows.lowerBound + 1, rows.upperBound]
                ).map { row in
                    let number: Int = try row.decode(atIndex: 0)
                    return VectorEntry(
                        id: try row.decode(atIndex: 1), vector: vectors.floats.floats(number - 1..<number), document: try row.decode(atIndex: 2),
                        tags: try ChunkDatabase.decode(row.decode(atIndex: 3)),
                        date: try row.decode(String?.self, atIndex: 4).flatMap(CalendarDate.init), kind: try row.decode(atIndex: 5))
                }
            }
            try await target.add(entries)
            onProgress(rows.upperBound)
        }
    }
}

extension ChunkDatabase {
    /// Chunk numbers of what another index found; ids that are not of this collection are left out.
    func ranked(_ hits: [VectorHit]) async throws -> [RankedChunk] {
        try await read { db in
            let statement = try db.cachedStatement(sql: "SELECT number FROM chunks WHERE id = ?")
            return try hits.compactMap { hit in
                try Int.fetchOne(statement, arguments: [hit.id]).map { RankedChunk(number: $0, score: hit.score) }
            }
        }
    }
}
