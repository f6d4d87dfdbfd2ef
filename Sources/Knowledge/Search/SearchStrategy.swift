/// How passages are found.
public enum SearchStrategy: String, Sendable, Codable, CaseIterable {
    /// Both, fused by rank.
    case hybrid
    /// By meaning: cosine similarity of vectors, exact.
    case dense
    /// By words: BM25.
    case lexical
}
