import Domain
import Foundation
import GRDB

/// What an update asks of the earlier version.
extension ChunkDatabase {
    /// Documents in the order they were read.
    func documents(limit: Int, offset: Int, filter: DocumentFilter = .init()) throws -> [IndexedDocument] {
        try read { db in
            let condition = try FilterSQL(filter)
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT name, title, sha256, bytes, chunks, tokens, tags, date, kind, json_array_length(pages) FROM documents d
                    WHERE \(condition.sql) ORDER BY id LIMIT ? OFFSET ?
                    """, arguments: condition.arguments + [limit, offset]
            ).map {
                IndexedDocument(
                    name: try $0.decode(atIndex: 0), title: try $0.decode(atIndex: 1), sha256: try $0.decode(atIndex: 2),
                    bytes: try $0.decode(atIndex: 3), chunks: try $0.decode(atIndex: 4), tokens: try $0.decode(atIndex: 5),
                    tags: try Self.decode($0.decode(atIndex: 6)), date: try $0.decode(String?.self, atIndex: 7).flatMap(CalendarDate.init),
                    kind: try $0.decode(atIndex: 8), pages: try $0.decode(atIndex: 9))
            }
        }
    }

    /// The content hash of the document with this name that the filter does not match; nil if none.
    func sha256(of name: String, outside filter: DocumentFilter?) throws -> String? {
        try read { db in
            let condition = try filter.map(FilterSQL.init)
            return try String.fetchOne(
                db, sql: "SELECT sha256 FROM documents d WHERE name = ? AND NOT \(condition?.sql ?? "0")",
                arguments: [name] + (condition?.arguments ?? []))
        }
    }

    /// Whether any document has this content.
    func hasContent(_ sha256: String) throws -> Bool {
        try read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM documents WHERE sha256 = ?)", arguments: [sha256]) ?? false
        }
    }

    /// A document's row and whether a filter matches it.
    struct Stored {
        var id: Int
        var document: Document
        var matches: Bool
    }

    /// Up to `limit` documents after row `id`, texts included, at most about 1 MB of them.
    func stored(after id: Int, limit: Int, filter: DocumentFilter?) throws -> [Stored] {
        try read { db in
            let condition = try filter.map(FilterSQL.init)
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT d.id, d.name, d.title, t.text, d.sha256, d.format, d.tags, d.date, d.kind, d.pages, \(condition?.sql ?? "0")
                    FROM documents d JOIN document_texts t ON t.document_id = d.id WHERE d.id > ? ORDER BY d.id LIMIT ?
                    """, arguments: (condition?.arguments ?? []) + [id, limit])
            var stored: [Stored] = []
            var bytes = 0
            while bytes < 1 << 20, let row = try rows.next() {
                let document = Document(
                    name: try row.decode(atIndex: 1), title: try row.decode(atIndex: 2), text: try row.decode(atIndex: 3),
                    sha256: try row.decode(atIndex: 4), format: DocumentFormat(rawValue: try row.decode(atIndex: 5)) ?? .plain,
                    tags: try Self.decode(row.decode(atIndex: 6)), date: try row.decode(String?.self, atIndex: 7).flatMap(CalendarDate.init),
                    kind: try row.decode(atIndex: 8), pages: try Self.decode(row.decode(atIndex: 9)))
                bytes += document.text.utf8.count
                stored.append(Stored(id: try row.decode(atIndex: 0), document: document, matches: try row.decode(atIndex: 10)))
            }
            return stored
        }
    }

    /// The chunks of a document, in order.
    func chunks(ofDocument id: Int) throws -> [Chunk] {
        try read { db in
            try Row.fetchAll(db, sql: Self.selectChunks + "WHERE c.document_id = ? ORDER BY c.number", arguments: [id]).map(chunk)
        }
    }

    /// Numbers of chunks whose embedding text is the same, by id: the id covers headings and text, the
    /// title is compared.
    func numbers(of chunks: [(id: String, title: String)]) throws -> [String: Int] {
        try read { db in
            let statement = try db.cachedStatement(sql: "SELECT number FROM chunks WHERE id = ? AND title = ?")
            var numbers: [String: Int] = [:]
            for chunk in chunks { numbers[chunk.id] = try Int.fetchOne(statement, arguments: [chunk.id, chunk.title]) }
            return numbers
        }
    }

    static let selectChunks = """
        SELECT c.number, c.id, d.name, c.title, c.headings, c.text, c.start_byte, c.end_byte, c.tokens, c.page
        FROM chunks c JOIN documents d ON d.id = c.document_id

        """

    /// A row of `selectChunks`.
    ///
    /// - Throws: `KnowledgeError.indexDamaged`.
    func chunk(_ row: Row) throws -> Chunk {
        let chunk = Chunk(
            id: try row.decode(atIndex: 1), document: try row.decode(atIndex: 2), title: try row.decode(atIndex: 3),
            headings: Self.split(try row.decode(atIndex: 4)), text: try row.decode(atIndex: 5), startByte: try row.decode(atIndex: 6),
            endByte: try row.decode(atIndex: 7), tokens: try row.decode(atIndex: 8), page: try row.decode(atIndex: 9))
        // Sums of what passages have are bounded because these are.
        let bounds = 0...Int(Int32.max)
        guard bounds.contains(chunk.startByte), bounds.contains(chunk.endByte), chunk.startByte <= chunk.endByte, bounds.contains(chunk.tokens) else {
            throw damaged("chunk \(chunk.id) claims the bytes \(chunk.startByte) to \(chunk.endByte) and \(chunk.tokens) tokens")
        }
        return chunk
    }
}
