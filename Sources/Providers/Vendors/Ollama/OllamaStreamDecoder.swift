import Domain
import NIOCore

/// Reads Ollama's newline-delimited JSON; a reply that was not streamed is one such line.
public struct OllamaStreamDecoder: ReplyDecoder {
    private let provider: String
    private let key: Secret?
    private var parser = LineParser()
    private var model: String?
    private var toolCount = 0
    public private(set) var isComplete = false
    public var hasFinishReason: Bool { isComplete }

    /// - Parameter key: taken out of error messages.
    public init(provider: String, key: Secret? = nil) {
        self.provider = provider
        self.key = key
    }

    public mutating func push(_ bytes: ByteBuffer, into events: inout [ChatEvent]) throws {
        for line in try parser.push(bytes.readableBytesView) where !isComplete {
            guard let json = try? JSONValue(parsing: line) else {
                throw ProviderError(
                    .malformedReply, provider: provider, status: 200,
                    message: "a line is not JSON: \(Redaction.redact(String(line.prefix(200)), key: key))")
            }
            try read(json, into: &events)
        }
    }

    public mutating func finish(into events: inout [ChatEvent]) throws {
        if !isComplete, let rest = parser.finish(), let json = try? JSONValue(parsing: rest) { try read(json, into: &events) }
        guard isComplete else {
            throw ProviderError(.cutStream, provider: provider, status: 200, message: "the stream ended without a line marked done")
        }
    }

    private mutating func read(_ line: JSONValue, into events: inout [ChatEvent]) throws {
        if line["error"] != nil { throw OllamaErrors.error(VendorFailure(status: 200, json: line), provider: provider, key: key) }
        if model == nil, let name = line["model"]?.stringValue {
            model = name
            events.append(.model(name))
        }
        let message = line["message"]
        if let text = message?["thinking"]?.stringValue, !text.isEmpty { events.append(.reasoning(text)) }
        if let text = message?["content"]?.stringValue, !text.isEmpty { events.append(.text(text)) }
        for call in message?["tool_calls"]?.arrayValue ?? [] {
            let function = call["function"]
            events.append(
                .toolCall(
                    index: toolCount, id: call["id"]?.stringValue ?? ToolCallID.make(), name: function?["name"]?.stringValue,
                    arguments: (function?["arguments"] ?? [:]).serialized()))
            toolCount += 1
        }
        guard line["done"]?.boolValue == true else { return }
        // Without a prompt count there is no usage: half a count would pass for a whole one.
        do {
            if let input = try line.tokenCount("prompt_eval_count") {
                events.append(.usage(TokenUsage(input: input, output: try line.tokenCount("eval_count") ?? 0)))
            }
        } catch { events.append(.usage(.unbelievable)) }
        // Older servers give no reason.
        let end = Self.finishReasons.end(line["done_reason"], provider: provider, key: key) ?? .finish(.stop)
        events.append(end == .finish(.stop) && toolCount > 0 ? .finish(.toolCalls) : end)
        isComplete = true
    }

    /// Without `load` and `unload`, which end a reply that has no words.
    private static let finishReasons = FinishReasons(
        field: "done_reason", known: ["stop": .stop, "length": .length], failures: ["error": .serverError])
}
