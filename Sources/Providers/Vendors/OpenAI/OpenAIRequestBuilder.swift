import Domain

/// Translates a neutral request into OpenAI's chat-completions body. Pure.
public enum OpenAIRequestBuilder {
    /// The JSON body; only fields that `vendor` allows, under its names.
    /// - Throws: ``ProviderError`` of kind `.unsupported` for tools, tool choices and response formats it does not take.
    public static func body(_ request: ChatRequest, vendor: VendorDefinition) throws -> JSONValue {
        try RequestCarriage.check(request, vendor: vendor)
        let fields = vendor.fields(for: request.model)
        var body: [String: JSONValue] = [:]
        body.reserveCapacity(12)
        let hasTools = !request.tools.isEmpty && (vendor.allows("tool_choice") || ToolChoice(request.toolChoice) != .never)
        for (field, value) in request.extra where fields.takesExtra(field) {
            // Without tools the field is an error.
            if field == "parallel_tool_calls", !hasTools { continue }
            body[vendor.renames[field] ?? field] = value
        }

        func set(_ field: String, _ value: JSONValue?) {
            guard let value, fields.takes(field) else { return }
            body[vendor.renames[field] ?? field] = value
        }
        let sampling = request.sampling
        set("temperature", sampling.temperature.map(JSONValue.double))
        set("top_p", sampling.topP.map(JSONValue.double))
        set("max_tokens", sampling.maxTokens.map(JSONValue.int))
        set("stop", sampling.stopSequences)
        set("seed", sampling.seed.map(JSONValue.int))
        if hasTools {
            set("tools", .array(request.tools.map(tool)))
            set("tool_choice", request.toolChoice)
        }
        set("response_format", request.responseFormat)

        body["model"] = .string(request.model)
        let takesNames = fields.takes(VendorDefinition.messageName)
        body["messages"] = .array(request.messages.map { message($0, named: takesNames) })
        body["stream"] = .bool(request.stream)
        body["stream_options"] = request.stream && vendor.supportsStreamOptions ? ["include_usage": true] : nil
        return .object(body)
    }

    static func tool(_ tool: ToolDefinition) -> JSONValue {
        var function: [String: JSONValue] = ["name": .string(tool.name), "parameters": tool.parameters]
        function["description"] = tool.description.map(JSONValue.string)
        function["strict"] = tool.strict.map(JSONValue.bool)
        return ["type": "function", "function": .object(function)]
    }

    private static func message(_ message: ChatMessage, named: Bool) -> JSONValue {
        var json: [String: JSONValue] = ["role": .string(message.role.rawValue), "content": .string(message.content)]
        if !message.toolCalls.isEmpty {
            if message.content.isEmpty { json["content"] = .null }
            json["tool_calls"] = .array(
                message.toolCalls.map { call in
                    ["id": .string(call.id), "type": "function", "function": ["name": .string(call.name), "arguments": .string(call.arguments)]]
                })
        }
        if let id = message.toolCallID { json["tool_call_id"] = .string(id) }
        if named, let name = message.name { json["name"] = .string(name) }
        return .object(json)
    }
}
