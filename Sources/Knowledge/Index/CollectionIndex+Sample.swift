import Foundation
import GRDB

extension CollectionIndex {
    /// Chunks spread evenly over the collection, in its order.
    ///
    /// - Parameters:
    ///   - count: at most so many.
    ///   - start: 0..<1, where in its share of the collection each one is taken.
    /// - Throws: SQLite's error.
    public func sample(_ count: Int, start: Double) throws -> [Chunk] {
        let total = try database.chunkCount().last
        let wanted = min(count, total)
        guard wanted > 0 else { return [] }
        let numbers = Set((0..<wanted).map { 1 + min(total - 1, Int((Double($0) + start) * Double(total) / Double(wanted))) })
        return try database.read { db in
            try numbers.sorted().flatMap { number in
                try Row.fetchAll(db, sql: ChunkDatabase.selectChunks + "WHERE c.number = ?", arguments: [number]).map(database.chunk)
            }
        }
    }

    /// In how many chunks a text occurs, up to `limit`; upper and lower case of ASCII letters are the same.
    ///
    /// - Throws: SQLite's error.
    public func occurrences(of text: String, limit: Int = 2) throws -> Int {
        try database.read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM (SELECT 1 FROM chunks WHERE instr(lower(text), lower(?)) > 0 LIMIT ?)", arguments: [text, limit])
                ?? 0
        }
    }
}
