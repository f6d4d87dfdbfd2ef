/// How a job measures what it made, before it publishes it.
public struct EvaluationSettings: SettingGroup {
    public var enabled = true
    /// Held-out prompts asked, and as many questions about the documents; each once by every arm.
    public var examples = 6
    /// No further example is begun after this long.
    public var seconds = 90
    /// Upper bound of an answer, in tokens.
    public var maxTokens = 48
    /// A model that compares the arms' answers; never one that writes them. Absent for none.
    public var judge: ModelRoute?
    /// Resamples of each bootstrap interval.
    public var resamples = 1000

    public init() {}

    public static let settings: [Setting<Self>] = [
        .flag("enabled", \.enabled, "Whether a job measures what it made."),
        .integer("examples", \.examples, 1...200, "Held-out prompts asked, and as many questions about the documents."),
        .integer("seconds", \.seconds, 1...86_400, "No further example is begun after this many seconds."),
        .integer("max_tokens", \.maxTokens, 8...1024, "Upper bound of an answer, in tokens."),
        .integer("resamples", \.resamples, 100...10_000, "Resamples of each bootstrap interval."),
        .object("judge", \.judge, "A model that compares the arms' answers."),
    ]
}
