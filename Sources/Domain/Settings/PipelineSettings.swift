/// How an answer is made.
public struct PipelineSettings: Sendable, Codable, Equatable {
    public enum Mode: String, Sendable, Codable, CaseIterable {
        /// Draft, passages, prompt, model; the answer is kept with its trace.
        case full
        /// The caller's messages go to the model as they are; only the usage is kept.
        case direct
    }

    /// Which stages make an answer, in which order. The first two join voice and knowledge; the others
    /// are single stages, for those who want one of the two and for measuring what each brings.
    public enum Order: String, Sendable, Codable, CaseIterable {
        /// Draft (voice) and passages go into the external model's prompt.
        case draftFirst = "draft_first"
        /// Passages go into the prompt; the local model with the adapter puts the reply into the voice.
        case restyleLast = "restyle_last"
        /// The local model with the adapter answers alone.
        case voiceOnly = "voice_only"
        /// The external model answers from the passages, without a voice.
        case knowledgeOnly = "knowledge_only"
        /// The external model answers alone.
        case externalOnly = "external_only"
    }

    /// What of the voice enters the external model's prompt.
    public enum VoicePrompt: String, Sendable, Codable, CaseIterable {
        /// The adapter's draft of this answer.
        case draft
        /// Replies of the user's own to similar messages.
        case examples = "voice_examples"
        case both

        public var hasDraft: Bool { self != .examples }
        public var hasExamples: Bool { self != .draft }
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
    /// Without meaning in mode `direct`.
    public var order: Order
    public var spread: Spread
    /// Put the voice into the prompt, in the form `voicePrompt` says.
    public var useDraft: Bool
    public var voicePrompt: VoicePrompt
    /// How many of the user's own replies stand for the voice where `voicePrompt` wants some.
    public var voiceExamples: Int
    /// Look passages up in the collection.
    public var usePassages: Bool
    /// How many passages go into the prompt.
    public var topK: Int
    /// How many found passages the cross-encoder reads to order them better; 0 for none.
    public var rerank: Int
    /// Other forms of a question, made by the local model, that are searched for too; 0 for none.
    public var expand: Int
    /// Chunks before and after a found one that go into the prompt with it.
    public var neighbours: Int
    /// Most tokens of all passages together; absent for no bound but `topK`.
    public var passageTokens: Int?
    /// Upper bound of the draft, in tokens.
    public var draftMaxTokens: Int
    /// How freely the draft is worded. Apart from the answer's temperature: the likeliest words are what a small model's
    /// voices have in common, so that a draft at 0 is further from the user's style than a drawn one.
    public var draftTemperature: Double
    /// Seconds that an answer waits for its draft; then it goes on without.
    public var draftTimeout: Double
    /// Seconds that restyling one reply may take; what is not restyled by then stays as it was.
    public var restyleTimeout: Double
    /// The least meaning a restyled passage must keep, on the release's own scale: 0 is what two unrelated
    /// texts have in common, 1 what the user's replies keep of their paraphrases.
    public var restyleThreshold: Double
    /// 0 is the base model, 1 the adapter as trained.
    public var adapterScale: Double
    /// The model of the minion's provider that `/v1/embeddings` offers; absent for none. Named here,
    /// because a minion token must not spend its owner's money on just any model.
    public var embeddingModel: String?
    public var cache: Cache

    enum CodingKeys: String, CodingKey {
        case mode, order, spread, cache, rerank, expand, neighbours
        case voicePrompt = "voice_prompt"
        case voiceExamples = "voice_examples"
        case draftTimeout = "draft_timeout"
        case restyleTimeout = "restyle_timeout"
        case restyleThreshold = "restyle_threshold"
        case useDraft = "use_draft"
        case usePassages = "use_passages"
        case topK = "top_k"
        case passageTokens = "passage_tokens"
        case draftMaxTokens = "draft_max_tokens"
        case draftTemperature = "draft_temperature"
        case adapterScale = "adapter_scale"
        case embeddingModel = "embedding_model"
    }

    public init(
        mode: Mode = .full, order: Order = .draftFirst, spread: Spread = .weighted, useDraft: Bool = true, voicePrompt: VoicePrompt = .draft,
        voiceExamples: Int = 3, usePassages: Bool = true, topK: Int = 5, rerank: Int = 0, expand: Int = 0, neighbours: Int = 0,
        passageTokens: Int? = nil,
        draftMaxTokens: Int = 96, draftTemperature: Double = 0.8, draftTimeout: Double = 45, restyleTimeout: Double = 60,
        restyleThreshold: Double = 0.5,
        adapterScale: Double = 1, embeddingModel: String? = nil, cache: Cache = .off
    ) {
        self.mode = mode
        self.order = order
        self.voicePrompt = voicePrompt
        self.voiceExamples = voiceExamples
        self.draftTimeout = draftTimeout
        self.restyleTimeout = restyleTimeout
        self.restyleThreshold = restyleThreshold
        self.spread = spread
        self.useDraft = useDraft
        self.usePassages = usePassages
        self.topK = topK
        self.rerank = rerank
        self.expand = expand
        self.neighbours = neighbours
        self.passageTokens = passageTokens
        self.draftMaxTokens = draftMaxTokens
        self.draftTemperature = draftTemperature
        self.adapterScale = adapterScale
        self.embeddingModel = embeddingModel
        self.cache = cache
    }

    /// What each number may be, whichever way it comes in.
    public enum Bounds {
        public static let voiceExamples = 1...20
        public static let topK = 1...20
        public static let rerank = 0...100
        public static let expand = 0...4
        public static let neighbours = 0...3
        public static let passageTokens = 1...32_768
        public static let draftMaxTokens = 1...1024
        public static let draftTemperature = 0.0...2
        /// Of a draft and of restyling, in seconds.
        public static let timeout = 0.001...600
        public static let restyleThreshold = 0.0...1
        public static let adapterScale = 0.0...2
    }

    /// Reads settings that were written before a field was there: it has its default.
    public init(from decoder: any Decoder) throws {
        let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
        self.init()
        mode = try fields.value(.mode) ?? mode
        order = try fields.value(.order) ?? order
        voicePrompt = try fields.value(.voicePrompt) ?? voicePrompt
        voiceExamples = try fields.number(.voiceExamples, Bounds.voiceExamples) ?? voiceExamples
        draftTimeout = try fields.number(.draftTimeout, Bounds.timeout) ?? draftTimeout
        restyleTimeout = try fields.number(.restyleTimeout, Bounds.timeout) ?? restyleTimeout
        restyleThreshold = try fields.number(.restyleThreshold, Bounds.restyleThreshold) ?? restyleThreshold
        spread = try fields.value(.spread) ?? spread
        useDraft = try fields.value(.useDraft) ?? useDraft
        usePassages = try fields.value(.usePassages) ?? usePassages
        topK = try fields.number(.topK, Bounds.topK) ?? topK
        rerank = try fields.number(.rerank, Bounds.rerank) ?? rerank
        expand = try fields.number(.expand, Bounds.expand) ?? expand
        neighbours = try fields.number(.neighbours, Bounds.neighbours) ?? neighbours
        passageTokens = try fields.number(.passageTokens, Bounds.passageTokens)
        draftMaxTokens = try fields.number(.draftMaxTokens, Bounds.draftMaxTokens) ?? draftMaxTokens
        draftTemperature = try fields.number(.draftTemperature, Bounds.draftTemperature) ?? draftTemperature
        adapterScale = try fields.number(.adapterScale, Bounds.adapterScale) ?? adapterScale
        embeddingModel = try fields.text(.embeddingModel, atMost: 200)
        cache = try fields.value(.cache) ?? cache
    }
}
