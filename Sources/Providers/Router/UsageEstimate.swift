import Domain

/// Token counts where the vendor gave none: UTF-8 bytes divided by four, rounded up. That is near the
/// truth for English; for scripts of two or three bytes a letter it is nearer than letters would be.
public enum UsageEstimate {
    public static let bytesPerToken = 4

    public static func tokens(bytes: Int) -> Int { (bytes + bytesPerToken - 1) / bytesPerToken }

    /// The tokens of a request's messages and tools, and of the form asked for.
    public static func input(_ request: ChatRequest) -> Int {
        let messages = request.messages.reduce(0) { sum, message in
            sum + message.content.utf8.count + message.toolCalls.reduce(0) { $0 + $1.name.utf8.count + $1.arguments.utf8.count }
        }
        let tools = request.tools.reduce(0) {
            $0 + $1.name.utf8.count + ($1.description?.utf8.count ?? 0) + $1.parameters.serialized().utf8.count
        }
        let form = request.responseFormat.map { $0.serialized().utf8.count } ?? 0
        return tokens(bytes: messages + tools + form)
    }
}
