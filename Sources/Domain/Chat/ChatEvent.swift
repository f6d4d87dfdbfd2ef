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
    /// In place of ``finish(_:)``: the vendor has ended the reply itself, and says that it is not whole.
    case failed(ProviderError)
}

/// Why a reply that is whole ended. What ended for any other reason has ``ChatEvent/failed(_:)``.
public enum FinishReason: String, Sendable, Codable, Equatable {
    case stop, length, toolCalls = "tool_calls", contentFilter = "content_filter"
    /// The vendor marked the reply's end and gave no reason.
    case other
}

extension ChatEvent {
    /// Bytes of the text it carries.
    public var length: Int {
        switch self {
        case .text(let text), .reasoning(let text), .model(let text): text.utf8.count
        case .toolCall(_, let id, let name, let arguments): (id?.utf8.count ?? 0) + (name?.utf8.count ?? 0) + arguments.utf8.count
        case .usage, .finish, .failed: 0
        }
    }

    /// Whether the client sees something of the model's own: text, reasoning or a tool call.
    public var isToken: Bool {
        switch self {
        case .text(let text), .reasoning(let text): !text.isEmpty
        case .toolCall: true
        case .model, .usage, .finish, .failed: false
        }
    }
    /// Whether it ends a reply that is not whole.
    package var isFailure: Bool { if case .failed = self { true } else { false } }
}
