import Foundation
import GRDB

/// The queries of a search.
extension ChunkDatabase {
    /// Best `limit` chunks for a full-text expression, BM25 negated so that larger is better.
    func lexical(_ expression: String, limit: Int) async throws -> [RankedChunk] {
        try await queue.read { db in
            // Equal scores are ordered by number, so that a search gives the same answer every time.
            try Row.fetchAll(
                db,
                sql: """
                    SELECT rowid, bm25(chunks_fts, \(LexicalQuery.titleWeight), \(LexicalQuery.headingsWeight), 1.0) AS score
                    FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY score, rowid LIMIT ?
                    """, arguments: [expression, limit]
            ).map { RankedChunk(number: $0[0], score: -($0[1] as Double)) }
        }
    }

    /// Chunks by number, with their document's name.
    func chunks(_ numbers: [Int]) async throws -> [Int: Chunk] {
        try await queue.read { db in
            let marks = numbers.map { _ in "?" }.joined(separator: ",")
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT c.number, c.id, d.name, c.title, c.headings, c.text, c.start_byte, c.end_byte, c.tokens
                    FROM chunks c JOIN documents d ON d.id = c.document_id WHERE c.number IN (\(marks))
                    """, arguments: StatementArguments(numbers))
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    (
                        row[0],
                        Chunk(
                            id: row[1], document: row[2], title: row[3], headings: Self.split(row[4]), text: row[5],
                            startByte: row[6], endByte: row[7], tokens: row[8])
                    )
                })
        }
    }

    /// Documents in the order they were read.
    func documents(limit: Int, offset: Int) throws -> [IndexedDocument] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT name, title, sha256, bytes, chunks, tokens FROM documents ORDER BY id LIMIT ? OFFSET ?",
                arguments: [limit, offset]
            ).map {
                IndexedDocument(name: $0[0], title: $0[1], sha256: $0[2], bytes: $0[3], chunks: $0[4], tokens: $0[5])
            }
        }
    }

    /// Highest chunk number and number of chunks: equal in a sound collection.
    func chunkCount() throws -> (count: Int, last: Int) {
        try queue.read { db in
            let row = try Row.fetchOne(db, sql: "SELECT count(*), coalesce(max(number), 0) FROM chunks")!
            return (row[0], row[1])
        }
    }
}
