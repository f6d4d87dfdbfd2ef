/// How an answer is made.
public struct PipelineSettings: Sendable, Codable, Equatable {
    public enum Mode: String, Sendable, Codable, CaseIterable {
        /// Draft, passages, prompt, model; the answer is kept with its trace.
        case full
        /// The caller's messages go to the model as they are; only the usage is kept.
        case direct
    }

    /// How calls are spread over the routes of equal rank.
    public enum Spread: String, Sendable, Codable, CaseIterable {
        case weighted
        case leastLatency = "least_latency"
    }

    /// Which answers are taken from, and kept in, the response cache.
    public enum Cache: String, Sendable, Codable, CaseIterable {
        case off
        /// Those at temperature 0.
        case deterministic
        /// All; then a question that is asked again is answered in the same words whatever the temperature.
        case always
    }

    public var mode: Mode
    public var spread: Spread
    /// Ask the adapter for a draft first.
    public var useDraft: Bool
    /// Look passages up in the collection.
    public var usePassages: Bool
    /// How many passages go into the prompt, 1…20.
    public var topK: Int
    /// How many found passages the cross-encoder reads to order them better; 0 for none, 0…100.
    public var rerank: Int
    /// Other forms of a question, made by the local model, that are searched for too; 0 for none, 0…4.
    public var expand: Int
    /// Chunks before and after a found one that go into the prompt with it, 0…3.
    public var neighbours: Int
    /// Most tokens of all passages together; absent for no bound but `topK`.
    public var passageTokens: Int?
    /// Upper bound of the draft, in tokens.
    public var draftMaxTokens: Int
    /// 0 is the base model, 1 the adapter as trained.
    public var adapterScale: Double
    /// The model of the minion's provider that `/v1/embeddings` offers; absent for none. Named here,
    /// because a minion token must not spend its owner's money on just any model.
    public var embeddingModel: String?
    public var cache: Cache

    enum CodingKeys: String, CodingKey {
        case mode, spread, cache, rerank, expand, neighbours
        case useDraft = "use_draft"
        case usePassages = "use_passages"
        case topK = "top_k"
        case passageTokens = "passage_tokens"
        case draftMaxTokens = "draft_max_tokens"
        case adapterScale = "adapter_scale"
        case embeddingModel = "embedding_model"
    }

    public init(
        mode: Mode = .full, spread: Spread = .weighted, useDraft: Bool = true, usePassages: Bool = true, topK: Int = 5, rerank: Int = 0,
        expand: Int = 0, neighbours: Int = 0, passageTokens: Int? = nil, draftMaxTokens: Int = 96,
        adapterScale: Double = 1, embeddingModel: String? = nil, cache: Cache = .off
    ) {
        self.mode = mode
        self.spread = spread
        self.useDraft = useDraft
        self.usePassages = usePassages
        self.topK = topK
        self.rerank = rerank
        self.expand = expand
        self.neighbours = neighbours
        self.passageTokens = passageTokens
        self.draftMaxTokens = draftMaxTokens
        self.adapterScale = adapterScale
        self.embeddingModel = embeddingModel
        self.cache = cache
    }

    /// Reads settings that were written before a field was there: it has its default.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        mode = try fields.decodeIfPresent(Mode.self, forKey: .mode) ?? mode
        spread = try fields.decodeIfPresent(Spread.self, forKey: .spread) ?? spread
        useDraft = try fields.decodeIfPresent(Bool.self, forKey: .useDraft) ?? useDraft
        usePassages = try fields.decodeIfPresent(Bool.self, forKey: .usePassages) ?? usePassages
        topK = try fields.decodeIfPresent(Int.self, forKey: .topK) ?? topK
        rerank = try fields.decodeIfPresent(Int.self, forKey: .rerank) ?? rerank
        expand = try fields.decodeIfPresent(Int.self, forKey: .expand) ?? expand
        neighbours = try fields.decodeIfPresent(Int.self, forKey: .neighbours) ?? neighbours
        passageTokens = try fields.decodeIfPresent(Int.self, forKey: .passageTokens)
        draftMaxTokens = try fields.decodeIfPresent(Int.self, forKey: .draftMaxTokens) ?? draftMaxTokens
        adapterScale = try fields.decodeIfPresent(Double.self, forKey: .adapterScale) ?? adapterScale
        embeddingModel = try fields.decodeIfPresent(String.self, forKey: .embeddingModel)
        cache = try fields.decodeIfPresent(Cache.self, forKey: .cache) ?? cache
    }
}
