/// What a provider's reply is made of, in the order it arrives.
public enum ChatEvent: Sendable, Equatable {
    /// The model that answered, as the vendor names it.
    case model(String)
    case text(String)
    case reasoning(String)
    /// A piece of a tool call; `id` and `name` come with the first piece of an index.
    case toolCall(index: Int, id: String?, name: String?, arguments: String)
    /// Totals so far; a later one replaces an earlier one.
    case usage(TokenUsage)
    case finish(FinishReason)
}

public enum FinishReason: String, Sendable, Codable, Equatable {
    case stop, length, toolCalls = "tool_calls", contentFilter = "content_filter", other
}

/// Token counts as the vendor reports them. `input` includes cached and cache-writing tokens.
public struct TokenUsage: Sendable, Codable, Equatable {
    public var input: Int
    public var output: Int
    public var cachedInput: Int
    public var cacheWrite: Int
    public var reasoning: Int
    /// True where we counted, because the vendor said nothing.
    public var isEstimate: Bool

    public init(input: Int, output: Int, cachedInput: Int = 0, cacheWrite: Int = 0, reasoning: Int = 0, isEstimate: Bool = false) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
        self.cacheWrite = cacheWrite
        self.reasoning = reasoning
        self.isEstimate = isEstimate
    }
}

extension ChatEvent {
    /// Whether the client sees something of the model's own: text, reasoning or a tool call.
    public var isToken: Bool {
        switch self {
        case .text(let text), .reasoning(let text): !text.isEmpty
        case .toolCall: true
        case .model, .usage, .finish: false
        }
    }
}
