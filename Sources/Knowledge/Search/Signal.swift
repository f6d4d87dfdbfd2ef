/// What one half of a search said about a passage.
public struct Signal: Sendable, Codable, Equatable {
    /// `dense` or `lexical`.
    public var name: String
    /// Place in that half's list, 1 is best.
    public var rank: Int
    /// Dense: cosine similarity, −1 to 1. Lexical: BM25, unbounded; comparable within one query only.
    /// Larger is better in both.
    public var score: Double

    public init(name: String, rank: Int, score: Double) {
        self.name = name
        self.rank = rank
        self.score = score
    }
}
