import Domain

/// A reply collected whole.
public struct ChatReply: Sendable, Equatable, Codable {
    public var text: String
    public var reasoning: String
    public var toolCalls: [ToolCall]
    public var finish: FinishReason
    public var usage: TokenUsage
    /// As the vendor names it; the requested name where it names none.
    public var model: String
    /// The id of the provider that answered.
    public var provider: String
    /// Every upstream call; the last one answered.
    public var attempts: [Attempt]

    public init(
        text: String, reasoning: String = "", toolCalls: [ToolCall] = [], finish: FinishReason, usage: TokenUsage, model: String, provider: String,
        attempts: [Attempt] = []
    ) {
        self.text = text
        self.reasoning = reasoning
        self.toolCalls = toolCalls
        self.finish = finish
        self.usage = usage
        self.model = model
        self.provider = provider
        self.attempts = attempts
    }
}
