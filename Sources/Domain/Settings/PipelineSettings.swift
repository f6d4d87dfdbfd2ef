/// How an answer is made.
public struct PipelineSettings: SettingGroup {
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

    public var mode = Mode.full
    /// Without meaning in mode `direct`.
    public var order = Order.draftFirst
    public var spread = Spread.weighted
    /// Put the voice into the prompt, in the form `voicePrompt` says.
    public var useDraft = true
    public var voicePrompt = VoicePrompt.draft
    /// How many of the user's own replies stand for the voice where `voicePrompt` wants some.
    public var voiceExamples = 3
    /// Look passages up in the collection.
    public var usePassages = true
    /// How many passages go into the prompt.
    public var topK = 5
    /// How many found passages the cross-encoder reads to order them better; 0 for none.
    public var rerank = 0
    /// Other forms of a question, made by the local model, that are searched for too; 0 for none.
    public var expand = 0
    /// Chunks before and after a found one that go into the prompt with it.
    public var neighbours = 0
    /// Most tokens of all passages together; absent for no bound but `topK`.
    public var passageTokens: Int?
    /// Upper bound of the draft, in tokens.
    public var draftMaxTokens = 96
    /// How freely the draft is worded. Apart from the answer's temperature: the likeliest words are what a small model's
    /// voices have in common, so that a draft at 0 is further from the user's style than a drawn one.
    public var draftTemperature = 0.8
    /// Seconds that an answer waits for its draft; then it goes on without.
    public var draftTimeout = 45.0
    /// Seconds that restyling one reply may take; what is not restyled by then stays as it was.
    public var restyleTimeout = 60.0
    /// The least meaning a restyled passage must keep, on the release's own scale: 0 is what two unrelated
    /// texts have in common, 1 what the user's replies keep of their paraphrases.
    public var restyleThreshold = 0.5
    /// 0 is the base model, 1 the adapter as trained.
    public var adapterScale = 1.0
    /// The model of the minion's provider that `/v1/embeddings` offers; absent for none. Named here,
    /// because a minion token must not spend its owner's money on just any model.
    public var embeddingModel: String?
    public var cache = Cache.off

    public init() {}

    public static let settings: [Setting<Self>] = [
        .choice("mode", \.mode, "What answers: the whole pipeline, or the model with the caller's messages as they are."),
        .choice("order", \.order, "Which stages make an answer, in which order."),
        .choice("spread", \.spread, "How calls are spread over the keys of one provider."),
        .flag("use_draft", \.useDraft, "Whether the voice goes into the prompt."),
        .choice("voice_prompt", \.voicePrompt, "What of the voice goes into the prompt."),
        .integer("voice_examples", \.voiceExamples, 1...20, "How many of the user's own replies stand for the voice."),
        .flag("use_passages", \.usePassages, "Whether passages are looked up in the collection."),
        .integer("top_k", \.topK, Bounds.topK, "How many passages go into the prompt."),
        .integer("rerank", \.rerank, 0...100, "How many found passages the cross-encoder reads to order them better; 0 for none."),
        .integer("expand", \.expand, 0...4, "Other forms of the question that are searched for too; 0 for none."),
        .integer("neighbours", \.neighbours, 0...3, "Chunks before and after a found one that go into the prompt with it."),
        .integer("passage_tokens", \.passageTokens, 1...32_768, absentAs: .zero, "Most tokens of all passages together."),
        .integer("draft_max_tokens", \.draftMaxTokens, 1...1024, "Upper bound of the draft, in tokens."),
        .number("draft_temperature", \.draftTemperature, 0...2, "How freely the draft is worded."),
        .number("draft_timeout", \.draftTimeout, timeout, "Seconds that an answer waits for its draft."),
        .number("restyle_timeout", \.restyleTimeout, timeout, "Seconds that restyling one reply may take."),
        .number("restyle_threshold", \.restyleThreshold, 0...1, "The least meaning that a restyled piece must keep."),
        .number("adapter_scale", \.adapterScale, Bounds.adapterScale, "How much of the adapter: 0 is the base model, 1 the adapter as trained."),
        .text("embedding_model", \.embeddingModel, atMost: 200, absentAs: .empty, "The model of the minion's provider that /v1/embeddings offers."),
        .choice("cache", \.cache, "Which answers are taken from, and kept in, the response cache."),
    ]

    /// Of a draft and of restyling, in seconds.
    private static let timeout = 0.001...600.0

    /// What a question may override, within the same bounds.
    public enum Bounds {
        public static let topK = 1...20
        public static let adapterScale = 0.0...2
    }
}
