import Pipeline
import Providers

/// A chat-completions body, as far as a minion can honour it. A field it cannot honour is refused by
/// name rather than passed over, but for those that change nothing in the answer.
struct ChatCompletionRequest {
    var model: String
    var question: Question
    var includeUsage: Bool

    /// Accepted because they only label the request or repeat a default.
    private static let harmless: Set<String> = [
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls",
    ]

    init(_ object: [String: JSONValue]) throws {
        var fields = RequestFields(object)
        model = fields.required("model", length: 1...200)
        let stream = fields.bool("stream") ?? false
        var sampling = Sampling(temperature: fields.number("temperature", 0...2), topP: fields.number("top_p", 0...1))
        let formerName = fields.integer("max_tokens", 1...200_000)
        sampling.maxTokens = fields.integer("max_completion_tokens", 1...200_000) ?? formerName
        sampling.seed = fields.integer("seed", 0...Int(Int32.max))
        if let stop = object["stop"]?.stringValue {
            fields.ignore(["stop"])
            sampling.stop = [stop]
        } else {
            sampling.stop = fields.strings("stop", max: 4)
        }
        fields.ignore(Self.harmless)
        // A client that fills in every field it knows means nothing by a null.
        fields.ignore(object.filter(\.value.isNull).keys)
        var usage = false
        fields.nested("stream_options") { inner in
            usage = inner.bool("include_usage") ?? false
            _ = inner.bool("include_obfuscation")
        }
        includeUsage = usage
        if let n = fields.integer("n", 1...128), n != 1 { fields.fail("n", "only one choice is made") }
        // What a client sends by habit, with its default; another value would be passed over in silence.
        for field in ["presence_penalty", "frequency_penalty"] where (fields.number(field, -2...2) ?? 0) != 0 {
            fields.fail(field, "is not supported by a minion")
        }
        if fields.bool("logprobs") == true { fields.fail("logprobs", "is not supported by a minion") }
        let messages = Self.messages(&fields)
        if messages.last?.role != .user { fields.fail("messages", "the last message must be the user's") }
        question = Question(messages: messages, sampling: sampling, stream: stream)
        if let first = fields.remaining().first {
            let message =
                first.code == "unknown_field"
                ? "Unsupported parameter: '\(first.field ?? "")' is not supported by a minion."
                : "Invalid '\(first.field ?? "")': \(first.message ?? "")"
            throw APIError(
                status: .badRequest, code: first.code == "unknown_field" ? "unsupported_parameter" : "invalid_value", message: message,
                details: [first])
        }
    }

    private static func messages(_ fields: inout RequestFields) -> [ChatMessage] {
        guard fields.has("messages") else {
            fields.fail("messages", "is required")
            _ = fields.objects("messages", max: 0)
            return []
        }
        return (fields.objects("messages", max: 1000) ?? []).enumerated().compactMap { index, entry in
            let field = "messages[\(index)]"
            let role: ChatMessage.Role? =
                switch entry["role"]?.stringValue {
                case "system", "developer": .system
                case "user": .user
                case "assistant": .assistant
                default: nil
                }
            guard let role else {
                fields.fail("\(field).role", "must be system, developer, user or assistant")
                return nil
            }
            guard let content = entry["content"].flatMap(text) else {
                fields.fail("\(field).content", "must be text or a list of text parts")
                return nil
            }
            return ChatMessage(role, content)
        }
    }

    private static func text(_ content: JSONValue) -> String? {
        if let text = content.stringValue { return text }
        guard let parts = content.arrayValue else { return nil }
        let texts = parts.map { $0["type"]?.stringValue == "text" ? $0["text"]?.stringValue : nil }
        return texts.contains(nil) ? nil : texts.compactMap { $0 }.joined(separator: "\n")
    }
}
