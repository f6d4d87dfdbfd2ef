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

    /// Reads settings that were written before a field was there: it has its default.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        enabled = try fields.decodeIfPresent(Bool.self, forKey: .enabled) ?? enabled
        examples = try fields.decodeIfPresent(Int.self, forKey: .examples) ?? examples
        seconds = try fields.decodeIfPresent(Int.self, forKey: .seconds) ?? seconds
        maxTokens = try fields.decodeIfPresent(Int.self, forKey: .maxTokens) ?? maxTokens
        judge = try fields.decodeIfPresent(ModelRoute.self, forKey: .judge)
        resamples = try fields.decodeIfPresent(Int.self, forKey: .resamples) ?? resamples
    }
}
