import Domain

/// Puts a reply together from its events. Pure.
public struct ReplyCollector: Sendable {
    public private(set) var text = ""
    public private(set) var reasoning = ""
    public private(set) var model: String?
    public private(set) var usage: TokenUsage?
    public private(set) var finish: FinishReason?
    private var calls: [Int: ToolCall] = [:]

    public init() {}

    public mutating func add(_ event: ChatEvent) {
        switch event {
        case .text(let part): text += part
        case .reasoning(let part): reasoning += part
        case .model(let name): model = name
        case .usage(let total): usage = total
        case .finish(let reason): finish = reason
        case .failed: break
        case .toolCall(let index, let id, let name, let arguments):
            var call = calls.removeValue(forKey: index) ?? ToolCall(id: "", name: "", arguments: "")
            if let id { call.id = id }
            if let name { call.name = name }
            call.arguments += arguments
            calls[index] = call
        }
    }

    /// In the order of their indices.
    public var toolCalls: [ToolCall] { calls.sorted { $0.key < $1.key }.map(\.value) }

    /// The reply; what the events left open comes from the attempt that answered.
    public func reply(attempts: [Attempt]) -> ChatReply {
        let answered = attempts.last
        return ChatReply(
            text: text, reasoning: reasoning, toolCalls: toolCalls, finish: finish ?? .other,
            usage: answered?.usage ?? usage ?? TokenUsage(input: 0, output: 0, isEstimate: true),
            model: model ?? answered?.model ?? "", provider: answered?.provider ?? "", attempts: attempts)
    }
}
