/// The result of a search and how it came about.
public struct SearchReply: Sendable, Codable, Equatable {
    /// Best first.
    public var passages: [Passage]
    /// What was really done: `lexical` where a hybrid or dense search had to do without its dense half.
    public var strategy: SearchStrategy
    /// Chunks searched: all of the collection's, always.
    public var chunksSearched: Int
    /// Documents those chunks belong to.
    public var documentsSearched: Int
    /// Wall-clock time of the search, embedding of the query included.
    public var milliseconds: Double
    /// Why the search did less than asked; nil when it did not.
    public var degraded: String?

    public init(
        passages: [Passage], strategy: SearchStrategy, chunksSearched: Int, documentsSearched: Int, milliseconds: Double,
        degraded: String? = nil
    ) {
        self.passages = passages
        self.strategy = strategy
        self.chunksSearched = chunksSearched
        self.documentsSearched = documentsSearched
        self.milliseconds = milliseconds
        self.degraded = degraded
    }

    enum CodingKeys: String, CodingKey {
        case passages
        case strategy
        case chunksSearched = "chunks_searched"
        case documentsSearched = "documents_searched"
        case milliseconds
        case degraded
    }
}
