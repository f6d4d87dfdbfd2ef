/// Translates a neutral request into OpenAI's chat-completions body. Pure.
public enum OpenAIRequestBuilder {
    /// The JSON body; only fields that `profile` allows.
    public static func body(_ request: ChatRequest, profile: VendorProfile) -> JSONValue {
        var body: [String: JSONValue] = [:]
        for (field, value) in request.extra where profile.extra.allows(field) { body[field] = value }

        func set(_ field: String, _ value: JSONValue?, as name: String? = nil) {
            guard let value, profile.allowedFields?.contains(field) ?? true else { return }
            body[name ?? field] = value
        }
        let sampling = request.sampling
        set("temperature", sampling.temperature.map(JSONValue.double))
        set("top_p", sampling.topP.map(JSONValue.double))
        set("max_tokens", sampling.maxTokens.map(JSONValue.int), as: profile.maxTokensField)
        set("stop", sampling.stop.flatMap { $0.isEmpty ? nil : .array($0.map(JSONValue.string)) })
        set("seed", sampling.seed.map(JSONValue.int))
        if !request.tools.isEmpty {
            set("tools", .array(request.tools.map(tool)))
            set("tool_choice", request.toolChoice)
        }
        set("response_format", request.responseFormat)

        body["model"] = .string(request.model)
        body["messages"] = .array(request.messages.map(message))
        body["stream"] = .bool(request.stream)
        body["stream_options"] = request.stream && profile.supportsStreamOptions ? ["include_usage": true] : nil
        return .object(body)
    }

    static func tool(_ tool: ToolDefinition) -> JSONValue {
        var function: [String: JSONValue] = ["name": .string(tool.name), "parameters": tool.parameters]
        function["description"] = tool.description.map(JSONValue.string)
        function["strict"] = tool.strict.map(JSONValue.bool)
        return ["type": "function", "function": .object(function)]
    }

    private static func message(_ message: ChatMessage) -> JSONValue {
        var json: [String: JSONValue] = ["role": .string(message.role.rawValue), "content": .string(message.content)]
        if !message.toolCalls.isEmpty {
            if message.content.isEmpty { json["content"] = .null }
            json["tool_calls"] = .array(
                message.toolCalls.map { call in
                    ["id": .string(call.id), "type": "function", "function": ["name": .string(call.name), "arguments": .string(call.arguments)]]
                })
        }
        json["tool_call_id"] = message.toolCallID.map(JSONValue.string)
        return .object(json)
    }
}
