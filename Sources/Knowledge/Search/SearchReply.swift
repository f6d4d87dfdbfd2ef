/// The result of a search and how it came about.
public struct SearchReply: Sendable, Codable, Equatable {
    /// Best first.
    public var passages: [Passage]
    /// What was really done: `lexical` where a hybrid or dense search had to do without its dense half.
    public var strategy: SearchStrategy
    /// Chunks searched: all of the collection's, or of the documents the filter matches.
    public var chunksSearched: Int
    /// Documents those chunks belong to.
    public var documentsSearched: Int
    /// How far the collection is: chunks that are found by meaning, of all that are found by words.
    /// Equal for a finished one; while documents are still being cut the total grows.
    public var chunksEmbedded: Int
    public var chunksTotal: Int
    /// Chunks that a reranker read.
    public var reranked: Int
    /// Other forms of the query that were searched too; a passage's signals say which of them found it.
    public var variants: [String]
    /// The model that made a vector of the query; nil where words alone were searched.
    public var embedder: String?
    /// Passages left out: like a better one, below a threshold, over the budget of tokens.
    public var duplicates: Int
    public var belowThreshold: Int
    public var overBudget: Int
    /// Wall-clock time of the search, embedding of the query included.
    public var milliseconds: Double
    /// Why the search did less than asked; nil when it did not.
    public var degraded: String?

    public init(
        passages: [Passage], strategy: SearchStrategy, chunksSearched: Int, documentsSearched: Int, milliseconds: Double,
        degraded: String? = nil, chunksEmbedded: Int = 0, chunksTotal: Int = 0, reranked: Int = 0, duplicates: Int = 0,
        belowThreshold: Int = 0, overBudget: Int = 0, variants: [String] = [], embedder: String? = nil
    ) {
        self.passages = passages
        self.strategy = strategy
        self.chunksSearched = chunksSearched
        self.documentsSearched = documentsSearched
        self.milliseconds = milliseconds
        self.degraded = degraded
        self.chunksEmbedded = chunksEmbedded
        self.chunksTotal = chunksTotal
        self.reranked = reranked
        self.duplicates = duplicates
        self.belowThreshold = belowThreshold
        self.overBudget = overBudget
        self.variants = variants
        self.embedder = embedder
    }

    enum CodingKeys: String, CodingKey {
        case passages
        case strategy
        case chunksSearched = "chunks_searched"
        case documentsSearched = "documents_searched"
        case chunksEmbedded = "chunks_embedded"
        case chunksTotal = "chunks_total"
        case reranked
        case duplicates
        case belowThreshold = "below_threshold"
        case overBudget = "over_budget"
        case variants
        case embedder
        case milliseconds
        case degraded
    }
}
