import Domain

/// What a search returns and how it weighs its parts.
public struct SearchOptions: Sendable, Codable, Equatable {
    /// Passages returned at most, at least 1.
    public var k: Int = 5
    public var strategy: SearchStrategy = .hybrid
    /// Best chunks of each half that enter fusion; at least `k`.
    public var candidates: Int = 100
    /// Constant of reciprocal rank fusion, at least 0. Larger values flatten the difference between
    /// ranks; 60 is the value of the paper (see `ReciprocalRankFusion`).
    public var rrfK: Double = 60
    /// Weight of the dense half, at least 0.
    public var denseWeight: Double = 1
    /// Weight of the lexical half, at least 0.
    public var lexicalWeight: Double = 1
    /// Only chunks of documents it matches are searched; nil searches all.
    public var filter: DocumentFilter?
    /// Best fused chunks that a reranker reads, 0 for none.
    public var rerank: Int = 0
    /// Weight of the reranker's list in fusion, at least 0: like each half's where it is 1. A very large one
    /// leaves the order of the reranked to it alone, which is worse than no reranking where the model does
    /// not know the subject (Cranfield nDCG@10: 0.568 without, 0.571 with 1, 0.545 alone; 20 reranked). Chosen there, it
    /// holds elsewhere (`bench/derived.py`): sections of the sample handbook 0.831 without, 0.857 with 1; documentation of
    /// Python libraries 0.660 and 0.669.
    public var rerankWeight: Double = 1
    /// Other forms of the query that are searched too, 0 for none, and the weight of their lists.
    public var variants: Int = 0
    public var variantWeight: Double = 0.5
    /// Chunks before and after a found one that are shown with it.
    public var neighbours: Int = 0
    /// Passages are left out that share at least this part of their distinct three-word sequences with a
    /// better one (Jaccard index, 0 to 1); nil keeps all.
    public var duplicateThreshold: Double?
    /// Passages are left out whose vector is at least this close to a better one's (cosine similarity, −1 to 1):
    /// edited and reworded texts too, which share few sequences of words. With bge-small-en-v1.5 three paragraphs
    /// and their edited versions under one title lie at 0.89, 0.93 and 0.96, other paragraphs of the subject at 0.65
    /// or less; of Cranfield's sentences a ninth has a neighbour at 0.9. What has no vector yet is kept; nil keeps all.
    public var duplicateCosine: Double?
    /// Lowest cosine similarity of query and passage, −1 to 1, whichever half found it; nil for none.
    public var minCosine: Double?
    /// Lowest rerank score, 0 to 1; passages the reranker has not read do not reach it; nil for none.
    public var minRerank: Double?
    /// Most tokens of all passages together, in the embedder's vocabulary; nil for no limit. A passage
    /// that does not fit is left out, and the next one is tried.
    public var tokenBudget: Int?

    public init(
        k: Int = 5, strategy: SearchStrategy = .hybrid, candidates: Int = 100, rrfK: Double = 60, denseWeight: Double = 1,
        lexicalWeight: Double = 1, filter: DocumentFilter? = nil, rerank: Int = 0, rerankWeight: Double = 1, variants: Int = 0,
        variantWeight: Double = 0.5, neighbours: Int = 0, duplicateThreshold: Double? = nil, duplicateCosine: Double? = nil,
        minCosine: Double? = nil,
        minRerank: Double? = nil, tokenBudget: Int? = nil
    ) {
        self.k = k
        self.strategy = strategy
        self.candidates = candidates
        self.rrfK = rrfK
        self.denseWeight = denseWeight
        self.lexicalWeight = lexicalWeight
        self.filter = filter
        self.rerank = rerank
        self.rerankWeight = rerankWeight
        self.variants = variants
        self.variantWeight = variantWeight
        self.neighbours = neighbours
        self.duplicateThreshold = duplicateThreshold
        self.duplicateCosine = duplicateCosine
        self.minCosine = minCosine
        self.minRerank = minRerank
        self.tokenBudget = tokenBudget
    }

    enum CodingKeys: String, CodingKey {
        case k
        case strategy
        case candidates
        case rrfK = "rrf_k"
        case denseWeight = "dense_weight"
        case lexicalWeight = "lexical_weight"
        case filter
        case rerank
        case rerankWeight = "rerank_weight"
        case variants
        case variantWeight = "variant_weight"
        case neighbours
        case duplicateThreshold = "duplicate_threshold"
        case duplicateCosine = "duplicate_cosine"
        case minCosine = "min_cosine"
        case minRerank = "min_rerank"
        case tokenBudget = "token_budget"
    }

    /// The options with every value in its range.
    var normalised: SearchOptions {
        var options = self
        options.k = max(1, k)
        options.candidates = max(options.k, candidates, rerank)
        options.rrfK = max(0, rrfK)
        options.denseWeight = max(0, denseWeight)
        options.lexicalWeight = max(0, lexicalWeight)
        options.rerank = max(0, rerank)
        options.rerankWeight = max(0, rerankWeight)
        options.variants = max(0, variants)
        options.variantWeight = max(0, variantWeight)
        options.neighbours = max(0, neighbours)
        if filter?.isEmpty == true { options.filter = nil }
        return options
    }
}
