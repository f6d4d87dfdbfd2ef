import Domain

/// Reads the parts that a streamed `delta` and a whole `message` have in common.
enum OpenAIMessage {
    /// The most calls of one reply that are told apart.
    private static let maximumCalls = 10_000

    /// Reasoning, text and tool calls, in that order.
    static func events(_ message: JSONValue) -> [ChatEvent] {
        var events: [ChatEvent] = []
        if let text = message["reasoning_content"]?.stringValue ?? message["reasoning"]?.stringValue, !text.isEmpty {
            events.append(.reasoning(text))
        }
        events += content(message["content"])
        if let text = message["refusal"]?.stringValue, !text.isEmpty { events.append(.text(text)) }
        for (position, call) in (message["tool_calls"]?.arrayValue ?? []).enumerated() {
            let function = call["function"]
            events.append(
                .toolCall(
                    index: call["index"]?.intValue.flatMap { (0..<maximumCalls).contains($0) ? $0 : nil } ?? position,
                    id: call["id"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 },
                    name: function?["name"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 },
                    // An object instead of text: some compatible servers do.
                    arguments: function?["arguments"].map { $0.stringValue ?? ($0.isNull ? "" : $0.serialized()) } ?? ""))
        }
        return events
    }

    /// A string, or a list of parts (`text`, Mistral's `thinking`).
    private static func content(_ content: JSONValue?) -> [ChatEvent] {
        switch content {
        case .string(let text): text.isEmpty ? [] : [.text(text)]
        case .array(let parts):
            parts.compactMap { part in
                if let text = part["text"]?.stringValue { return text.isEmpty ? nil : .text(text) }
                let thought = (part["thinking"]?.arrayValue ?? []).compactMap { $0["text"]?.stringValue }.joined()
                return thought.isEmpty ? nil : .reasoning(thought)
            }
        default: []
        }
    }

    /// OpenAI's own words and those of servers that are compatible with it but for them.
    static let finishReasons = FinishReasons(
        field: "finish_reason",
        known: [
            "stop": .stop, "eos": .stop, "eos_token": .stop, "end_turn": .stop, "stop_sequence": .stop, "complete": .stop,
            "length": .length, "max_tokens": .length, "max_output_tokens": .length, "model_length": .length,
            "tool_calls": .toolCalls, "function_call": .toolCalls, "tool_use": .toolCalls,
            "content_filter": .contentFilter, "refusal": .contentFilter, "safety": .contentFilter, "recitation": .contentFilter,
            "prohibited_content": .contentFilter, "blocklist": .contentFilter, "spii": .contentFilter,
        ],
        // vLLM and SGLang abort; DeepSeek runs out of resources.
        failures: [
            "error": .serverError, "abort": .serverError, "aborted": .serverError, "cancelled": .serverError,
            "insufficient_system_resource": .overloaded,
        ])
}
