import Foundation
import GRDB

/// The transactions of a build.
extension ChunkDatabase {
    /// Whether the document was cut by this build already.
    func hasDocument(_ name: String) throws -> Bool {
        try queue.read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM documents WHERE name = ?)", arguments: [name]) ?? false
        }
    }

    /// Adds documents with their chunks, all or none.
    func insert(_ documents: [(Document, [Chunk])]) throws {
        try queue.write { db in
            let insertDocument = try db.cachedStatement(
                sql: "INSERT INTO documents (name, title, sha256, bytes, chunks, tokens) VALUES (?, ?, ?, ?, ?, ?)")
            let insertChunk = try db.cachedStatement(
                sql: """
                    INSERT INTO chunks (id, document_id, title, headings, text, start_byte, end_byte, tokens)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            for (document, chunks) in documents {
                let tokens = chunks.reduce(0) { $0 + $1.tokens }
                try insertDocument.execute(arguments: [
                    document.name, document.title, document.sha256, document.text.utf8.count, chunks.count, tokens,
                ])
                let row = db.lastInsertedRowID
                for chunk in chunks {
                    try insertChunk.execute(arguments: [
                        chunk.id, row, chunk.title, Self.join(chunk.headings), chunk.text, chunk.startByte, chunk.endByte, chunk.tokens,
                    ])
                }
            }
        }
    }

    /// Builds the full-text index and closes the phase of cutting.
    ///
    /// - Returns: the summary, `bytes` still 0.
    func finishChunking(embedder: EmbedderIdentity, problems: [DocumentProblem]) throws -> CollectionSummary {
        try queue.write { db in
            try db.execute(sql: "INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild')")
            try db.execute(sql: "INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")
            let row = try Row.fetchOne(
                db, sql: "SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(tokens), 0) FROM documents")!
            let summary = CollectionSummary(
                documents: row[0], chunks: row[1], tokens: row[2], bytes: 0, embedder: embedder, problems: problems)
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            try Self.set(.summary, String(decoding: encoder.encode(summary), as: UTF8.self), db)
            return summary
        }
    }

    /// Embedding texts and token counts of up to `limit` chunks after the first `offset`.
    func embeddingTexts(after offset: Int, limit: Int) throws -> [(text: String, tokens: Int)] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT title, headings, text, tokens FROM chunks WHERE number > ? ORDER BY number LIMIT ?",
                arguments: [offset, limit]
            ).map { row in
                (EmbeddingText.make(title: row[0], headings: Self.split(row[1]), text: row[2]), row[3])
            }
        }
    }

    /// Tokens of the first `count` chunks.
    func tokens(ofFirst count: Int) throws -> Int {
        try queue.read { db in
            try Int.fetchOne(db, sql: "SELECT coalesce(sum(tokens), 0) FROM chunks WHERE number <= ?", arguments: [count]) ?? 0
        }
    }

    /// Headings are stored one a line: a heading is one line by nature.
    static func join(_ headings: [String]) -> String { headings.joined(separator: "\n") }

    static func split(_ headings: String) -> [String] { headings.split(separator: "\n").map(String.init) }
}
