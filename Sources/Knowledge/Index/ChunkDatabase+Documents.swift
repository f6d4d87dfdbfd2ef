import Foundation
import GRDB

/// What an update asks of the earlier version.
extension ChunkDatabase {
    /// Documents in the order they were read.
    func documents(limit: Int, offset: Int, filter: DocumentFilter = .init()) throws -> [IndexedDocument] {
        try queue.read { db in
            let condition = try FilterSQL(filter)
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT name, title, sha256, bytes, chunks, tokens, tags, date, kind, json_array_length(pages) FROM documents d
                    WHERE \(condition.sql) ORDER BY id LIMIT ? OFFSET ?
                    """, arguments: condition.arguments + [limit, offset]
            ).map {
                IndexedDocument(
                    name: $0[0], title: $0[1], sha256: $0[2], bytes: $0[3], chunks: $0[4], tokens: $0[5], tags: try Self.decode($0[6]),
                    date: ($0[7] as String?).flatMap(CalendarDate.init), kind: $0[8], pages: $0[9])
            }
        }
    }

    /// The content hash of the document with this name that the filter does not match; nil if none.
    func sha256(of name: String, outside filter: DocumentFilter?) throws -> String? {
        try queue.read { db in
            let condition = try filter.map(FilterSQL.init)
            return try String.fetchOne(
                db, sql: "SELECT sha256 FROM documents d WHERE name = ? AND NOT \(condition?.sql ?? "0")",
                arguments: [name] + (condition?.arguments ?? []))
        }
    }

    /// Whether any document has this content.
    func hasContent(_ sha256: String) throws -> Bool {
        try queue.read { db in
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
        try queue.read { db in
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
                    name: row[1], title: row[2], text: row[3], sha256: row[4],
                    format: DocumentFormat(rawValue: row[5]) ?? .plain, tags: try Self.decode(row[6]),
                    date: (row[7] as String?).flatMap(CalendarDate.init), kind: row[8], pages: try Self.decode(row[9]))
                bytes += document.text.utf8.count
                stored.append(Stored(id: row[0], document: document, matches: row[10]))
            }
            return stored
        }
    }

    /// The chunks of a document, in order.
    func chunks(ofDocument id: Int) throws -> [Chunk] {
        try queue.read { db in
            try Row.fetchAll(db, sql: Self.selectChunks + "WHERE c.document_id = ? ORDER BY c.number", arguments: [id]).map(Self.chunk)
        }
    }

    /// Numbers of chunks whose embedding text is the same, by id: the id covers headings and text, the
    /// title is compared.
    func numbers(of chunks: [(id: String, title: String)]) throws -> [String: Int] {
        try queue.read { db in
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

    static func chunk(_ row: Row) -> Chunk {
        Chunk(
            id: row[1], document: row[2], title: row[3], headings: split(row[4]), text: row[5], startByte: row[6], endByte: row[7],
            tokens: row[8], page: row[9])
    }
}
