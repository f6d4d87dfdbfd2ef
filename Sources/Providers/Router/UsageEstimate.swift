/// Token counts where the vendor gave none: characters divided by four, rounded up.
public enum UsageEstimate {
    public static let charactersPerToken = 4

    public static func tokens(characters: Int) -> Int { (characters + charactersPerToken - 1) / charactersPerToken }

    /// The tokens of a request's messages and tools.
    public static func input(_ request: ChatRequest) -> Int {
        let messages = request.messages.reduce(0) { sum, message in
            sum + message.content.count + message.toolCalls.reduce(0) { $0 + $1.name.count + $1.arguments.count }
        }
        let tools = request.tools.reduce(0) { $0 + $1.name.count + ($1.description?.count ?? 0) + $1.parameters.serialized().count }
        return tokens(characters: messages + tools)
    }
}
