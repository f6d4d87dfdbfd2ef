import GRDB

/// A document as it was read into a collection, with the text that passages point into.
public struct DocumentText: Sendable, Codable, Equatable {
    public var name: String
    public var title: String
    public var text: String
    public var chunks: Int
}

extension CollectionIndex {
    /// The document with this name; nil where there is none.
    ///
    /// - Throws: SQLite's error.
    public func document(named name: String) throws -> DocumentText? {
        try database.read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT d.name, d.title, t.text, d.chunks FROM documents d JOIN document_texts t ON t.document_id = d.id
                    WHERE d.name = ? ORDER BY d.id LIMIT 1
                    """, arguments: [name]
            ).map {
                DocumentText(
                    name: try $0.decode(atIndex: 0), title: try $0.decode(atIndex: 1), text: try $0.decode(atIndex: 2),
                    chunks: try $0.decode(atIndex: 3))
            }
        }
    }
}
