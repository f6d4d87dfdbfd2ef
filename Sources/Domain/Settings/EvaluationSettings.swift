/// How a job measures what it made, before it publishes it.
public struct EvaluationSettings: Sendable, Codable, Equatable {
    public var enabled: Bool
    /// Held-out prompts asked, and as many questions about the documents; each once by every arm.
    public var examples: Int
    /// No further example is begun after this long.
    public var seconds: Int
    /// Upper bound of an answer, in tokens.
    public var maxTokens: Int
    /// A model that compares the arms' answers; never one that writes them. Absent for none.
    public var judge: ModelRoute?
    /// Resamples of each bootstrap interval.
    public var resamples: Int

    enum CodingKeys: String, CodingKey {
        case enabled, examples, seconds, judge, resamples
        case maxTokens = "max_tokens"
    }

    public init(
        enabled: Bool = true, examples: Int = 6, seconds: Int = 90, maxTokens: Int = 48, judge: ModelRoute? = nil, resamples: Int = 1000
    ) {
        self.enabled = enabled
        self.examples = examples
        self.seconds = seconds
        self.maxTokens = maxTokens
        self.judge = judge
        self.resamples = resamples
    }

    /// What each number may be, whichever way it comes in.
    public enum Bounds {
        public static let examples = 1...200
        public static let seconds = 1...86_400
        public static let maxTokens = 8...1024
        public static let resamples = 100...10_000
    }

    /// Reads settings that were written before a field was there: it has its default.
    public init(from decoder: any Decoder) throws {
        let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
        self.init()
        enabled = try fields.value(.enabled) ?? enabled
        examples = try fields.number(.examples, Bounds.examples) ?? examples
        seconds = try fields.number(.seconds, Bounds.seconds) ?? seconds
        maxTokens = try fields.number(.maxTokens, Bounds.maxTokens) ?? maxTokens
        judge = try fields.value(.judge)
        resamples = try fields.number(.resamples, Bounds.resamples) ?? resamples
    }
}
