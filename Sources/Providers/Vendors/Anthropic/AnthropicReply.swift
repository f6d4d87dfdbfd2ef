import Domain

/// Reads a whole message. Pure.
public enum AnthropicReply {
    /// - Throws: ``ProviderError``: the vendor's own where the body is an error, `.malformedReply`
    ///   for a body without content.
    public static func events(_ json: JSONValue, provider: String, key: Secret? = nil) throws -> [ChatEvent] {
        if json["type"]?.stringValue == "error" || json["error"].map({ !$0.isNull }) == true {
            throw AnthropicErrors.error(VendorFailure(status: 200, json: json), provider: provider, key: key)
        }
        guard let content = json["content"]?.arrayValue else {
            throw ProviderError(.malformedReply, provider: provider, status: 200, message: "the reply has no content")
        }
        var events: [ChatEvent] = []
        if let model = json["model"]?.stringValue { events.append(.model(model)) }
        var toolCount = 0
        var unfinished: String?
        for block in content {
            switch block["type"]?.stringValue {
            case "text":
                if let text = block["text"]?.stringValue, !text.isEmpty { events.append(.text(text)) }
            case "thinking":
                if let text = block["thinking"]?.stringValue, !text.isEmpty { events.append(.reasoning(text)) }
            case "tool_use":
                events.append(
                    .toolCall(
                        index: toolCount, id: block["id"]?.stringValue, name: block["name"]?.stringValue,
                        arguments: (block["input"] ?? [:]).serialized()))
                toolCount += 1
                if let input = block["input"], input.objectValue == nil { unfinished = block["name"]?.stringValue ?? "" }
            default: break
            }
        }
        var usage = AnthropicUsage()
        usage.update(json["usage"])
        if usage.isKnown { events.append(.usage(usage.total)) }
        let end = finishReasons.end(json["stop_reason"], provider: provider, key: key) ?? .finish(.other)
        if let unfinished, end != .finish(.length), !end.isFailure {
            events.append(.failed(notWhole(unfinished, provider: provider)))
        } else {
            events.append(end == .finish(.toolCalls) && toolCount == 0 ? .failed(noCall(provider: provider)) : end)
        }
        return events
    }

    /// For a reply that ends for a tool call, and has none.
    static func noCall(provider: String) -> ProviderError {
        ProviderError(
            .abortedReply, provider: provider, status: 200, message: "the vendor ended its reply for a tool call, and it has none: it is not whole")
    }

    /// For a reply with a finished call whose input is no object.
    static func notWhole(_ tool: String, provider: String) -> ProviderError {
        ProviderError(
            .abortedReply, provider: provider, status: 200, message: "the input of the tool call \"\(tool)\" is not a JSON object: it is not whole")
    }

    /// Without `pause_turn`: only a client with Anthropic's own tools could go on from there.
    static let finishReasons = FinishReasons(
        field: "stop_reason",
        known: [
            "end_turn": .stop, "stop_sequence": .stop, "max_tokens": .length, "model_context_window_exceeded": .length, "tool_use": .toolCalls,
            "refusal": .contentFilter,
        ],
        failures: ["error": .serverError])
}
