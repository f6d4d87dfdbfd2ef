/// Means over all judged queries for one strategy.
public struct RetrievalReport: Sendable, Codable, Equatable {
    public var strategy: SearchStrategy
    /// Best chunks a reranker read, and other forms of each query that were searched.
    public var reranked: Int
    public var variants: Int
    /// Queries with at least one relevant document.
    public var queries: Int
    /// nDCG of the first 10 documents, 0 to 1.
    public var ndcgAt10: Double
    /// Share of the relevant documents among the first `recallCutoff`.
    public var recall: Double
    public var recallCutoff: Int
    /// Mean reciprocal rank of the first relevant document.
    public var mrr: Double
    /// Mean wall-clock time of a search.
    public var milliseconds: Double
    /// Searches that had to do without their dense half; such a report does not measure its strategy.
    public var degraded: Int

    public init(
        strategy: SearchStrategy, reranked: Int = 0, variants: Int = 0, queries: Int, ndcgAt10: Double, recall: Double, recallCutoff: Int,
        mrr: Double,
        milliseconds: Double, degraded: Int
    ) {
        self.strategy = strategy
        self.reranked = reranked
        self.variants = variants
        self.queries = queries
        self.ndcgAt10 = ndcgAt10
        self.recall = recall
        self.recallCutoff = recallCutoff
        self.mrr = mrr
        self.milliseconds = milliseconds
        self.degraded = degraded
    }

    enum CodingKeys: String, CodingKey {
        case strategy
        case reranked
        case variants
        case queries
        case ndcgAt10 = "ndcg_at_10"
        case recall
        case recallCutoff = "recall_cutoff"
        case mrr
        case milliseconds
        case degraded
    }
}
