import Domain

/// A document as a collection knows it.
public struct IndexedDocument: Sendable, Codable, Equatable {
    public var name: String
    public var title: String
    /// Lower-case hex SHA-256 of the content.
    public var sha256: String
    /// UTF-8 bytes of the content.
    public var bytes: Int
    public var chunks: Int
    /// Tokens of its chunks.
    public var tokens: Int
    public var tags: [String]
    public var date: CalendarDate?
    public var kind: String
    /// Number of pages; 0 where there are none.
    public var pages: Int

    public init(
        name: String, title: String, sha256: String, bytes: Int, chunks: Int, tokens: Int, tags: [String] = [], date: CalendarDate? = nil,
        kind: String, pages: Int = 0
    ) {
        self.name = name
        self.title = title
        self.sha256 = sha256
        self.bytes = bytes
        self.chunks = chunks
        self.tokens = tokens
        self.tags = tags
        self.date = date
        self.kind = kind
        self.pages = pages
    }
}
