import Domain

/// Translates a neutral request into Anthropic's messages body. Pure.
public enum AnthropicRequestBuilder {
    /// What `max_tokens`, which the API requires, is where the caller sets none.
    public static let defaultMaxTokens = 1024

    /// Fields of the messages API that a caller may add, and OpenAI's that have a counterpart there.
    static let extra: Set<String> = [
        "top_k", "metadata", "thinking", "service_tier", "cache_control", "output_config", "parallel_tool_calls", "reasoning_effort", "user",
    ]

    /// Values of `reasoning_effort` that are also values of `output_config.effort`.
    private static let efforts: Set<String> = ["low", "medium", "high", "xhigh", "max"]

    /// The JSON body. The system prompt is taken out of the messages; what has no counterpart is left
    /// out and named by ``dropped(_:vendor:)``.
    /// - Throws: ``ProviderError`` of kind `.unsupported` for a response format or tool choice the API
    ///   has no counterpart to: sent without it, the caller would get prose where it parses JSON.
    public static func body(_ request: ChatRequest, vendor: VendorDefinition) throws -> JSONValue {
        try RequestCarriage.check(request, vendor: vendor)
        let fields = vendor.fields(for: request.model)
        var body: [String: JSONValue] = [:]
        let translated: Set<String> = ["parallel_tool_calls", "reasoning_effort", "user"]
        for (field, value) in request.extra where fields.takesExtra(field) && !translated.contains(field) { body[field] = value }
        if body["metadata"] == nil, let user = request.extra["user"], fields.takesExtra("user") { body["metadata"] = ["user_id": user] }
        body["output_config"] = try outputConfig(request, fields)

        let sampling = request.sampling
        let missing = Set(dropped(request, vendor: vendor))
        func set(_ field: String, as name: String? = nil, _ value: JSONValue?) {
            if let value, !missing.contains(field) { body[name ?? field] = value }
        }
        set("temperature", sampling.temperature.map(JSONValue.double))
        set("top_p", sampling.topP.map(JSONValue.double))
        set("stop", as: "stop_sequences", sampling.stopSequences)
        if !request.tools.isEmpty {
            body["tools"] = .array(request.tools.map(tool))
            body["tool_choice"] = try toolChoice(request, fields)
        }
        let system = request.messages.filter { $0.role == .system && !isBlank($0.content) }.map(\.content)
        if !system.isEmpty { body["system"] = .string(system.joined(separator: "\n\n")) }

        body["model"] = .string(request.model)
        body["max_tokens"] = .int(sampling.maxTokens ?? defaultMaxTokens)
        body["messages"] = .array(turns(request.messages))
        body["stream"] = .bool(request.stream)
        return .object(body)
    }

    /// What has no counterpart: `seed`; a temperature outside the API's 0…1 (its default, 1, holds);
    /// `top_p` beside a temperature, since newer models refuse both; a `reasoning_effort` of another scale.
    static func dropped(_ request: ChatRequest, vendor: VendorDefinition) -> [String] {
        // `max_tokens` is required, whatever a definition says.
        var names = RequestCarriage.dropped(request, vendor: vendor).filter { $0 != "max_tokens" }
        func drop(_ name: String, if isMissing: Bool) {
            if isMissing, !names.contains(name) { names.append(name) }
        }
        drop("seed", if: request.sampling.seed != nil)
        drop("temperature", if: request.sampling.temperature.map { !(0...1).contains($0) } ?? false)
        drop("top_p", if: request.sampling.topP != nil && request.sampling.temperature != nil && !names.contains("temperature"))
        drop("reasoning_effort", if: request.extra["reasoning_effort"].map { !efforts.contains($0.stringValue ?? "") } ?? false)
        drop("user", if: request.extra["user"] != nil && request.extra["metadata"] != nil)
        drop("parallel_tool_calls", if: request.extra["parallel_tool_calls"] == false && request.tools.isEmpty)
        return names.sorted()
    }

    /// `output_config` carries a JSON schema (https://platform.claude.com/docs/en/build-with-claude/structured-outputs)
    /// and the effort.
    private static func outputConfig(_ request: ChatRequest, _ fields: CarriedFields) throws -> JSONValue? {
        var config = fields.takesExtra("output_config") ? request.extra["output_config"]?.objectValue ?? [:] : [:]
        if let effort = request.extra["reasoning_effort"], fields.takesExtra("reasoning_effort"), efforts.contains(effort.stringValue ?? "") {
            config["effort"] = config["effort"] ?? effort
        }
        switch ResponseFormat(request.responseFormat) {
        case nil: break
        case .jsonSchema(let schema): config["format"] = ["type": "json_schema", "schema": schema]
        case .jsonObject:
            throw RequestCarriage.uncarried("response_format json_object", fields.vendor, "give a json_schema, or ask for JSON in the prompt")
        case .other(let type): throw RequestCarriage.uncarried("response_format \(type)", fields.vendor)
        }
        if config.isEmpty { return nil }
        return .object(config)
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
        json["strict"] = tool.strict.map(JSONValue.bool)
        return .object(json)
    }

    /// OpenAI's choices in Anthropic's words, with `parallel_tool_calls: false` as `disable_parallel_tool_use`.
    private static func toolChoice(_ request: ChatRequest, _ fields: CarriedFields) throws -> JSONValue? {
        let isSerial = request.extra["parallel_tool_calls"] == false && fields.takesExtra("parallel_tool_calls")
        var json: JSONValue
        switch ToolChoice(request.toolChoice) {
        case nil:
            if !isSerial { return nil }
            json = ["type": "auto"]
        case .auto: json = ["type": "auto"]
        case .never: return ["type": "none"]
        case .required: json = ["type": "any"]
        case .function(let name): json = ["type": "tool", "name": .string(name)]
        case .other: throw RequestCarriage.uncarried("this form of tool_choice", fields.vendor)
        }
        if isSerial || request.toolChoice?["disable_parallel_tool_use"] == true { json["disable_parallel_tool_use"] = true }
        return json
    }
}
