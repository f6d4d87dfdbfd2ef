import Domain

/// Translates a neutral request into the body of Ollama's `/api/chat`. Pure.
public enum OllamaRequestBuilder {
    /// Fields that a caller may add; `options` is merged over ours.
    static let extra: Set<String> = ["think", "keep_alive", "options", "frequency_penalty", "presence_penalty"]

    /// Of those, the ones that stand among Ollama's `options`.
    private static let optionFields: Set<String> = ["frequency_penalty", "presence_penalty"]

    /// Context sizes asked for, in tokens. Few and fixed, since Ollama loads the model anew for
    /// every new size; its default is the first, which is therefore not sent.
    static let contextSizes = [4096, 8192, 16384, 32768, 65536, 131_072]

    /// - Throws: ``ProviderError`` of kind `.unsupported` for a tool choice that must hold (Ollama has
    ///   none) and for response formats other than JSON.
    public static func body(_ request: ChatRequest, vendor: VendorDefinition) throws -> JSONValue {
        try RequestCarriage.check(request, vendor: vendor)
        let choice = ToolChoice(request.toolChoice)
        if !request.tools.isEmpty, let choice, choice.isBinding, choice != .never { throw RequestCarriage.uncarried("tool_choice", vendor) }

        let fields = vendor.fields(for: request.model)
        let allowed = request.extra.filter { fields.takesExtra($0.key) }
        var body = allowed.filter { $0.key != "options" && !optionFields.contains($0.key) }
        let options = options(request, fields).merging(allowed["options"]?.objectValue ?? [:]) { $1 }
        if !options.isEmpty { body["options"] = .object(options) }
        // Leaving the tools out is what "none" means.
        if !request.tools.isEmpty, choice != .never { body["tools"] = .array(request.tools.map(OpenAIRequestBuilder.tool)) }
        switch ResponseFormat(request.responseFormat) {
        case nil: break
        case .jsonObject: body["format"] = "json"
        case .jsonSchema(let schema): body["format"] = schema
        case .other(let type): throw RequestCarriage.uncarried("response_format \(type)", vendor)
        }
        body["model"] = .string(request.model)
        body["messages"] = .array(messages(request.messages))
        body["stream"] = .bool(request.stream)
        return .object(body)
    }

    private static func options(_ request: ChatRequest, _ fields: CarriedFields) -> [String: JSONValue] {
        var options = request.extra.filter { optionFields.contains($0.key) && fields.takesExtra($0.key) }
        let sampling = request.sampling
        func set(_ field: String, as name: String? = nil, _ value: JSONValue?) {
            if let value, fields.takes(field) { options[name ?? field] = value }
        }
        set("temperature", sampling.temperature.map(JSONValue.double))
        set("top_p", sampling.topP.map(JSONValue.double))
        set("max_tokens", as: "num_predict", sampling.maxTokens.map(JSONValue.int))
        set("stop", sampling.stopSequences)
        set("seed", sampling.seed.map(JSONValue.int))
        options["num_ctx"] = contextSize(for: request).map(JSONValue.int)
        return options
    }

    /// The smallest size that holds the prompt and the reply (1024 tokens where no limit is set);
    /// `nil` where Ollama's default does. Counts three bytes a token, so as to err on the large side.
    static func contextSize(for request: ChatRequest) -> Int? {
        let bytes = request.messages.reduce(0) { sum, message in
            sum + message.content.utf8.count + message.toolCalls.reduce(0) { $0 + $1.name.utf8.count + $1.arguments.utf8.count } + 12
        }
        let tools = request.tools.isEmpty ? 0 : JSONValue.array(request.tools.map(OpenAIRequestBuilder.tool)).serializedBytes().count
        let need = (bytes + tools) / 3 + (request.sampling.maxTokens ?? 1024)
        let size = contextSizes.first { $0 >= need } ?? contextSizes[contextSizes.count - 1]
        return size == contextSizes[0] ? nil : size
    }

    /// A tool's result names the tool instead of the call.
    private static func messages(_ messages: [ChatMessage]) -> [JSONValue] {
        var names: [String: String] = [:]
        return messages.map { message in
            var json: [String: JSONValue] = ["role": .string(message.role.rawValue), "content": .string(message.content)]
            if !message.toolCalls.isEmpty {
                for call in message.toolCalls { names[call.id] = call.name }
                json["tool_calls"] = .array(
                    message.toolCalls.map { ["function": ["name": .string($0.name), "arguments": .object(ToolArguments.object($0.arguments))]] })
            }
            if let id = message.toolCallID { json["tool_name"] = .string(names[id] ?? id) }
            return .object(json)
        }
    }
}
