/// Translates a neutral request into Anthropic's messages body. Pure.
public enum AnthropicRequestBuilder {
    /// What `max_tokens`, which the API requires, is where the caller sets none.
    public static let defaultMaxTokens = 1024

    /// Fields of the messages API that a caller may add.
    static let extra: Set<String> = ["top_k", "metadata", "thinking", "service_tier", "cache_control", "output_config"]

    /// The JSON body. The system prompt is taken out of the messages; temperature is cut to the
    /// API's 0…1, and `top_p` is sent only without a temperature (newer models refuse both); there is
    /// no `seed`.
    /// - Throws: ``ProviderError`` of kind `.unsupported` for a response format the API has no
    ///   counterpart to: sent without it, the caller would get prose where it parses JSON.
    public static func body(_ request: ChatRequest, provider: String) throws -> JSONValue {
        if let format = request.responseFormat?["type"]?.stringValue, format != "text" {
            throw ProviderError(
                .unsupported, provider: provider, message: "response_format \(format) is not available with Anthropic; ask for JSON in the prompt")
        }
        var body: [String: JSONValue] = request.extra.filter { extra.contains($0.key) }
        let sampling = request.sampling
        if let temperature = sampling.temperature {
            body["temperature"] = .double(min(max(temperature, 0), 1))
        } else {
            body["top_p"] = sampling.topP.map(JSONValue.double)
        }
        body["stop_sequences"] = sampling.stop.flatMap { $0.isEmpty ? nil : .array($0.map(JSONValue.string)) }
        if !request.tools.isEmpty {
            body["tools"] = .array(request.tools.map(tool))
            body["tool_choice"] = toolChoice(request.toolChoice)
        }
        let system = request.messages.filter { $0.role == .system && !isBlank($0.content) }.map(\.content)
        if !system.isEmpty { body["system"] = .string(system.joined(separator: "\n\n")) }

        body["model"] = .string(request.model)
        body["max_tokens"] = .int(sampling.maxTokens ?? defaultMaxTokens)
        body["messages"] = .array(turns(request.messages))
        body["stream"] = .bool(request.stream)
        return .object(body)
    }

    /// Messages as alternating turns: neighbours of one role become one turn of several blocks, and
    /// tool results become blocks of a user's turn. Blank texts are left out, as the API refuses them.
    private static func turns(_ messages: [ChatMessage]) -> [JSONValue] {
        var turns: [(role: String, blocks: [JSONValue])] = []
        for message in messages where message.role != .system {
            let role = message.role == .assistant ? "assistant" : "user"
            let blocks = blocks(message)
            guard !blocks.isEmpty else { continue }
            if turns.last?.role == role {
                turns[turns.count - 1].blocks += blocks
            } else {
                turns.append((role, blocks))
            }
        }
        return turns.map { ["role": .string($0.role), "content": .array($0.blocks)] }
    }

    private static func blocks(_ message: ChatMessage) -> [JSONValue] {
        if message.role == .tool {
            return [["type": "tool_result", "tool_use_id": .string(message.toolCallID ?? ""), "content": .string(message.content)]]
        }
        let text: [JSONValue] = isBlank(message.content) ? [] : [["type": "text", "text": .string(message.content)]]
        return text
            + message.toolCalls.map { call in
                ["type": "tool_use", "id": .string(call.id), "name": .string(call.name), "input": .object(ToolArguments.object(call.arguments))]
            }
    }

    private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }

    private static func tool(_ tool: ToolDefinition) -> JSONValue {
        var json: [String: JSONValue] = ["name": .string(tool.name), "input_schema": tool.parameters]
        json["description"] = tool.description.map(JSONValue.string)
        return .object(json)
    }

    /// OpenAI's choices in Anthropic's words; Anthropic's own pass through.
    private static func toolChoice(_ choice: JSONValue?) -> JSONValue? {
        switch choice?.stringValue {
        case "auto": return ["type": "auto"]
        case "none": return ["type": "none"]
        case "required": return ["type": "any"]
        default: break
        }
        if let name = choice?["function"]?["name"] { return ["type": "tool", "name": name] }
        return choice?.objectValue == nil ? nil : choice
    }
}
