/// Translates a neutral request into the body of Ollama's `/api/chat`. Pure.
public enum OllamaRequestBuilder {
    /// Top-level fields that a caller may add; `options` is merged over ours.
    static let extra: Set<String> = ["think", "keep_alive"]

    /// Context sizes asked for, in tokens. Few and fixed, since Ollama loads the model anew for
    /// every new size; its default is the first, which is therefore not sent.
    static let contextSizes = [4096, 8192, 16384, 32768, 65536, 131_072]

    public static func body(_ request: ChatRequest) -> JSONValue {
        var body: [String: JSONValue] = request.extra.filter { extra.contains($0.key) }
        let sampling = request.sampling
        var options: [String: JSONValue] = [:]
        options["temperature"] = sampling.temperature.map(JSONValue.double)
        options["top_p"] = sampling.topP.map(JSONValue.double)
        options["num_predict"] = sampling.maxTokens.map(JSONValue.int)
        options["stop"] = sampling.stop.flatMap { $0.isEmpty ? nil : .array($0.map(JSONValue.string)) }
        options["seed"] = sampling.seed.map(JSONValue.int)
        options["num_ctx"] = contextSize(for: request).map(JSONValue.int)
        options.merge(request.extra["options"]?.objectValue ?? [:]) { $1 }
        if !options.isEmpty { body["options"] = .object(options) }

        // Ollama has no tool_choice; leaving the tools out is what "none" means.
        if !request.tools.isEmpty, request.toolChoice?.stringValue != "none" {
            body["tools"] = .array(request.tools.map(OpenAIRequestBuilder.tool))
        }
        switch request.responseFormat?["type"]?.stringValue {
        case "json_object": body["format"] = "json"
        case "json_schema": body["format"] = request.responseFormat?["json_schema"]?["schema"] ?? "json"
        default: break
        }
        body["model"] = .string(request.model)
        body["messages"] = .array(messages(request.messages))
        body["stream"] = .bool(request.stream)
        return .object(body)
    }

    /// The smallest size that holds the prompt and the reply (1024 tokens where no limit is set);
    /// `nil` where Ollama's default does. Counts three bytes a token, so as to err on the large side.
    static func contextSize(for request: ChatRequest) -> Int? {
        let bytes = request.messages.reduce(0) { sum, message in
            sum + message.content.utf8.count + message.toolCalls.reduce(0) { $0 + $1.name.utf8.count + $1.arguments.utf8.count } + 12
        }
        let tools = request.tools.isEmpty ? 0 : JSONValue.array(request.tools.map(OpenAIRequestBuilder.tool)).serialized().utf8.count
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
