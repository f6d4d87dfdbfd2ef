/// What one part of a search said about a passage.
public struct Signal: Sendable, Codable, Equatable {
    /// `dense`, `lexical` or `rerank`.
    public var name: String
    /// Place in that part's list, 1 is best.
    public var rank: Int
    /// Dense: cosine similarity, −1 to 1. Lexical: BM25, unbounded; comparable within one query only.
    /// Rerank: logistic function of the model's logit, 0 to 1. Larger is better in all.
    public var score: Double
    /// The other form of the query that found it; nil for the query as it was asked.
    public var variant: String?

    public init(name: String, rank: Int, score: Double, variant: String? = nil) {
        self.name = name
        self.rank = rank
        self.score = score
        self.variant = variant
    }
}
