import Domain
import NIOCore

/// Reads the events of a streamed message; unknown events, blocks and deltas are skipped.
public struct AnthropicStreamDecoder: ReplyDecoder {
    /// A tool-use block in progress.
    private struct Tool {
        var index: Int
        /// Input that came whole with the block's start.
        var input: JSONValue?
        var hasDeltas = false
        var name = ""
        /// What came in deltas.
        var text = ""
    }

    private let provider: String
    private let key: Secret?
    private var parser = ServerSentEventParser()
    private var usage = AnthropicUsage()
    /// By the vendor's block index.
    private var tools: [Int: Tool] = [:]
    private var toolCount = 0
    /// The tool whose input ended and is no object.
    private var unfinished: String?
    private var end: ChatEvent?
    public private(set) var isComplete = false
    public var hasFinishReason: Bool { end != nil }

    /// - Parameter key: taken out of error messages.
    public init(provider: String, key: Secret? = nil) {
        self.provider = provider
        self.key = key
    }

    public mutating func push(_ bytes: ByteBuffer, into events: inout [ChatEvent]) throws {
        for event in try parser.push(bytes.readableBytesView) where !isComplete { try read(event, into: &events) }
    }

    public mutating func finish(into events: inout [ChatEvent]) throws {
        guard !isComplete else { return }
        guard let end else {
            throw ProviderError(.cutStream, provider: provider, status: 200, message: "the stream ended without message_stop")
        }
        events.append(checked(end))
        isComplete = true
    }

    private mutating func read(_ event: ServerSentEvent, into events: inout [ChatEvent]) throws {
        guard let json = try? JSONValue(parsing: event.data) else {
            throw ProviderError(
                .malformedReply, provider: provider, status: 200,
                message: "a stream event is not JSON: \(Redaction.redact(String(event.data.prefix(200)), key: key))")
        }
        switch json["type"]?.stringValue ?? event.event {
        case "message_start":
            if let model = json["message"]?["model"]?.stringValue { events.append(.model(model)) }
            update(json["message"]?["usage"], into: &events)
        case "content_block_start":
            startBlock(json, into: &events)
        case "content_block_delta":
            delta(json, into: &events)
        case "content_block_stop":
            guard let index = json["index"]?.intValue, let tool = tools.removeValue(forKey: index) else { return }
            if !tool.hasDeltas {
                if let input = tool.input, input.objectValue == nil { unfinished = tool.name }
                events.append(.toolCall(index: tool.index, id: nil, name: nil, arguments: (tool.input ?? [:]).serialized()))
            } else if (try? JSONValue(parsing: tool.text))?.objectValue == nil {
                unfinished = tool.name
            }
        case "message_delta":
            let told = AnthropicReply.finishReasons.end(json["delta"]?["stop_reason"], provider: provider, key: key)
            if let told, !(end?.isFailure ?? false) { end = told }
            update(json["usage"], into: &events)
        case "message_stop":
            events.append(checked(end ?? .finish(.other)))
            isComplete = true
        case "error":
            throw AnthropicErrors.error(VendorFailure(status: 200, json: json), provider: provider, key: key)
        default:
            break
        }
    }

    /// The end, told for what it is: a failure where the vendor says that calls are whole, and they are not there or not whole.
    private func checked(_ end: ChatEvent) -> ChatEvent {
        guard end == .finish(.toolCalls) || end == .finish(.stop) || end == .finish(.other) else { return end }
        if let name = unfinished ?? tools.values.first(where: { $0.hasDeltas && (try? JSONValue(parsing: $0.text))?.objectValue == nil })?.name {
            return .failed(AnthropicReply.notWhole(name, provider: provider))
        }
        guard end == .finish(.toolCalls), toolCount == 0 else { return end }
        return .failed(AnthropicReply.noCall(provider: provider))
    }

    private mutating func update(_ json: JSONValue?, into events: inout [ChatEvent]) {
        usage.update(json)
        if json != nil, usage.isKnown { events.append(.usage(usage.total)) }
    }

    private mutating func startBlock(_ json: JSONValue, into events: inout [ChatEvent]) {
        guard let block = json["content_block"] else { return }
        switch block["type"]?.stringValue {
        case "text":
            if let text = block["text"]?.stringValue, !text.isEmpty { events.append(.text(text)) }
        case "tool_use":
            tools[json["index"]?.intValue ?? 0] = Tool(index: toolCount, input: block["input"], name: block["name"]?.stringValue ?? "")
            events.append(.toolCall(index: toolCount, id: block["id"]?.stringValue, name: block["name"]?.stringValue, arguments: ""))
            toolCount += 1
        default: break
        }
    }

    private mutating func delta(_ json: JSONValue, into events: inout [ChatEvent]) {
        let delta = json["delta"]
        switch delta?["type"]?.stringValue {
        case "text_delta":
            if let text = delta?["text"]?.stringValue, !text.isEmpty { events.append(.text(text)) }
        case "thinking_delta":
            if let text = delta?["thinking"]?.stringValue, !text.isEmpty { events.append(.reasoning(text)) }
        case "input_json_delta":
            guard let block = json["index"]?.intValue, let tool = tools[block] else { return }
            guard let part = delta?["partial_json"]?.stringValue, !part.isEmpty else { return }
            tools[block]?.hasDeltas = true
            tools[block]?.text += part
            events.append(.toolCall(index: tool.index, id: nil, name: nil, arguments: part))
        default: break
        }
    }
}
