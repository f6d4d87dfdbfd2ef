import Foundation
import GRDB

/// The transactions of a build.
extension ChunkDatabase {
    /// Whether the document was cut by this build already.
    func hasDocument(_ name: String) throws -> Bool {
        try read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM documents WHERE name = ?)", arguments: [name]) ?? false
        }
    }

    /// Adds documents with their chunks, all or none. From then on they are found by their words.
    func insert(_ documents: [(Document, [Chunk])]) throws {
        try queue.write { db in
            let insertDocument = try db.cachedStatement(
                sql: """
                    INSERT INTO documents (name, title, sha256, format, kind, date, tags, pages, bytes, tokens, first_chunk, chunks)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            let insertText = try db.cachedStatement(sql: "INSERT INTO document_texts (document_id, text) VALUES (?, ?)")
            let insertChunk = try db.cachedStatement(
                sql: """
                    INSERT INTO chunks (number, id, document_id, start_byte, end_byte, page, tokens, title, headings, text)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            let insertWords = try db.cachedStatement(sql: "INSERT INTO chunks_fts (rowid, title, headings, text) VALUES (?, ?, ?, ?)")
            var number = try Int.fetchOne(db, sql: "SELECT coalesce(max(number), 0) FROM chunks")!
            for (document, chunks) in documents {
                try insertDocument.execute(arguments: [
                    document.name, document.title, document.sha256, document.format.rawValue, document.kind, document.date?.description,
                    Self.json(document.tags), Self.json(document.pages), document.text.utf8.count, chunks.reduce(0) { $0 + $1.tokens },
                    number + 1, chunks.count,
                ])
                let row = db.lastInsertedRowID
                try insertText.execute(arguments: [row, document.text])
                for chunk in chunks {
                    number += 1
                    let headings = Self.join(chunk.headings)
                    try insertChunk.execute(arguments: [
                        number, chunk.id, row, chunk.startByte, chunk.endByte, chunk.page, chunk.tokens, chunk.title, headings, chunk.text,
                    ])
                    try insertWords.execute(arguments: [number, chunk.title, headings, chunk.text])
                }
            }
        }
    }

    /// Tidies the full-text index and closes the phase of cutting.
    ///
    /// - Returns: the summary, `bytes` still 0.
    func finishChunking(embedder: EmbedderIdentity, problems: [DocumentProblem], changes: CollectionChanges?) throws -> CollectionSummary {
        try queue.write { db in
            try db.execute(sql: "INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")
            let row = try Row.fetchOne(
                db, sql: "SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(tokens), 0) FROM documents")!
            let summary = CollectionSummary(
                documents: row[0], chunks: row[1], tokens: row[2], bytes: 0, embedder: embedder, problems: problems, changes: changes)
            try Self.set(.summary, Self.json(summary), db)
            return summary
        }
    }

    /// Id, title, embedding text and token count of up to `limit` chunks after the first `offset`.
    func embeddingTexts(after offset: Int, limit: Int) throws -> [(id: String, title: String, text: String, tokens: Int)] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT id, title, headings, text, tokens FROM chunks WHERE number > ? ORDER BY number LIMIT ?",
                arguments: [offset, limit]
            ).map { row in
                let title: String = try row.decode(atIndex: 1)
                let text = EmbeddingText.make(title: title, headings: Self.split(try row.decode(atIndex: 2)), text: try row.decode(atIndex: 3))
                return (try row.decode(atIndex: 0), title, text, try row.decode(atIndex: 4))
            }
        }
    }

    /// Counts vectors that are on disk.
    func recordEmbedded(_ count: Int, reused: Int) throws {
        try queue.write { db in
            try Self.set(.embedded, String(count), db)
            try Self.set(.reused, String(reused), db)
        }
    }

    /// Tokens of the first `count` chunks.
    func tokens(ofFirst count: Int) throws -> Int {
        try read { db in
            try Int.fetchOne(db, sql: "SELECT coalesce(sum(tokens), 0) FROM chunks WHERE number <= ?", arguments: [count]) ?? 0
        }
    }

    /// Headings are stored one a line: a heading is one line by nature.
    static func join(_ headings: [String]) -> String { headings.joined(separator: "\n") }

    static func split(_ headings: String) -> [String] { headings.split(separator: "\n").map(String.init) }

    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func decode<Value: Decodable>(_ text: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
