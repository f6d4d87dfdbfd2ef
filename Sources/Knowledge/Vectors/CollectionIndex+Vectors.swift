import Foundation
import GRDB

extension CollectionIndex {
    /// Copies the vectors into another index, which searches can then be given instead of the files here.
    ///
    /// - Parameter onProgress: called with the number of chunks copied so far.
    public func load(into target: any VectorIndex, onProgress: @Sendable (Int) -> Void = { _ in }) async throws {
        let count = try await database.extent(nil).embedded
        let vectors = try vectors(count: count)
        let size = 1024
        for start in stride(from: 0, to: count, by: size) {
            try Task.checkCancellation()
            let rows = start..<min(count, start + size)
            let entries = try await database.queue.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT c.number, c.id, d.name, d.tags, d.date, d.kind FROM chunks c JOIN documents d ON d.id = c.document_id
                        WHERE c.number BETWEEN ? AND ? ORDER BY c.number
                        """, arguments: [rows.lowerBound + 1, rows.upperBound]
                ).map { row in
                    let number: Int = row[0]
                    return VectorEntry(
                        id: row[1], vector: vectors.floats.floats(number - 1..<number), document: row[2], tags: try ChunkDatabase.decode(row[3]),
                        date: (row[4] as String?).flatMap(CalendarDate.init), kind: row[5])
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
        try await queue.read { db in
            let statement = try db.cachedStatement(sql: "SELECT number FROM chunks WHERE id = ?")
            return try hits.compactMap { hit in
                try Int.fetchOne(statement, arguments: [hit.id]).map { RankedChunk(number: $0, score: hit.score) }
            }
        }
    }
}
