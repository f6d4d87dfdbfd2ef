import Domain
import Foundation
import GRDB

/// The queries of a search.
extension ChunkDatabase {
    /// What there is to search at this moment.
    struct Extent: Sendable {
        var documents: Int
        var chunks: Int
        /// Chunks with vectors: the first so many.
        var embedded: Int
        /// Rows of the chunks a filter lets through, ascending, from 0; nil without a filter.
        var rows: [Range<Int>]?
    }

    func extent(_ filter: DocumentFilter?) async throws -> Extent {
        try await read { db in
            let embedded = max(0, Int(try Self.get(.embedded, db) ?? "0") ?? 0)
            guard let filter else {
                let row = try Row.fetchOne(db, sql: "SELECT (SELECT count(*) FROM documents), coalesce(max(number), 0) FROM chunks")!
                return Extent(documents: try row.decode(atIndex: 0), chunks: try row.decode(atIndex: 1), embedded: embedded)
            }
            let condition = try FilterSQL(filter)
            let rows = try Row.fetchCursor(
                db, sql: "SELECT first_chunk - 1, chunks FROM documents d WHERE \(condition.sql) ORDER BY first_chunk",
                arguments: condition.arguments)
            var extent = Extent(documents: 0, chunks: 0, embedded: embedded)
            var ranges: [Range<Int>] = []
            while let row = try rows.next() {
                let start: Int = try row.decode(atIndex: 0)
                let count: Int = try row.decode(atIndex: 1)
                guard (0...Int(Int32.max)).contains(start), (0...Int(Int32.max)).contains(count) else {
                    throw damaged("a document claims \(count) chunks from \(start) on")
                }
                extent.documents += 1
                extent.chunks += count
                if let last = ranges.last, last.upperBound == start {
                    ranges[ranges.count - 1] = last.lowerBound..<start + count
                } else {
                    ranges.append(start..<start + count)
                }
            }
            extent.rows = ranges
            return extent
        }
    }

    /// Best `limit` chunks for a full-text expression among those the filter lets through, BM25 negated
    /// so that larger is better. Word frequencies are those of the whole collection.
    func lexical(_ expression: String, limit: Int, filter: DocumentFilter?) async throws -> [RankedChunk] {
        try await read { db in
            let condition = try filter.map(FilterSQL.init)
            let restriction =
                condition.map {
                    """
                    CROSS JOIN chunks c ON c.number = chunks_fts.rowid
                    WHERE c.document_id IN (SELECT id FROM documents d WHERE \($0.sql)) AND
                    """
                } ?? "WHERE"
            // Equal scores are ordered by number, so that a search gives the same answer every time.
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT chunks_fts.rowid AS number, bm25(chunks_fts, \(LexicalQuery.titleWeight), \(LexicalQuery.headingsWeight), 1.0) AS score
                    FROM chunks_fts \(restriction) chunks_fts MATCH ? ORDER BY score, number LIMIT ?
                    """, arguments: (condition?.arguments ?? []) + [expression, limit]
            ).map { RankedChunk(number: try $0.decode(atIndex: 0), score: -(try $0.decode(Double.self, atIndex: 1))) }
        }
    }

    /// Chunks by number, with their document's name.
    func chunks(_ numbers: [Int]) async throws -> [Int: Chunk] {
        try await read { db in
            let rows = try Row.fetchAll(
                db, sql: Self.selectChunks + "WHERE c.number IN (SELECT value FROM json_each(?))", arguments: [Self.json(numbers)])
            return Dictionary(try rows.map { (try $0.decode(Int.self, atIndex: 0), try chunk($0)) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// The chunks of the document that a chunk belongs to.
    func chunkNumbers(ofDocumentWith number: Int) async throws -> ClosedRange<Int> {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: "SELECT first_chunk, first_chunk + chunks - 1 FROM documents WHERE first_chunk <= ? ORDER BY first_chunk DESC LIMIT 1",
                arguments: [number])
            guard let row, let first = try row.decode(Int?.self, atIndex: 0), let last = try row.decode(Int?.self, atIndex: 1), first <= last else {
                throw damaged("chunk \(number) belongs to no document")
            }
            return first...last
        }
    }

    /// The document's text from the first to the last of neighbouring chunks, with what stands between.
    func excerpt(_ numbers: ClosedRange<Int>) async throws -> (text: String, startByte: Int, endByte: Int, tokens: Int) {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT r.first, r.last, r.tokens, substr(CAST(t.text AS BLOB), r.first + 1, r.last - r.first)
                    FROM (SELECT document_id, min(start_byte) AS first, max(end_byte) AS last, sum(tokens) AS tokens
                          FROM chunks WHERE number BETWEEN ? AND ?) r
                    JOIN document_texts t ON t.document_id = r.document_id
                    """, arguments: [numbers.lowerBound, numbers.upperBound])
            guard let row else { throw damaged("chunk \(numbers.lowerBound) belongs to no text") }
            let tokens: Int = try row.decode(atIndex: 2)
            guard (0...Int(Int32.max)).contains(tokens) else { throw damaged("the chunks \(numbers) claim \(tokens) tokens") }
            return (
                String(decoding: try row.decode(Data.self, atIndex: 3), as: UTF8.self), try row.decode(atIndex: 0), try row.decode(atIndex: 1), tokens
            )
        }
    }

    /// Number of chunks, and their lowest and highest: a sound collection has them from 1 to `count`.
    func chunkCount() throws -> (count: Int, first: Int, last: Int) {
        try read { db in
            let row = try Row.fetchOne(db, sql: "SELECT count(*), coalesce(min(number), 1), coalesce(max(number), 0) FROM chunks")!
            return (try row.decode(atIndex: 0), try row.decode(atIndex: 1), try row.decode(atIndex: 2))
        }
    }
}
