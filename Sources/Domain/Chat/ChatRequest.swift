/// One chat request in the neutral form that every dialect translates from.
public struct ChatRequest: Sendable, Equatable, Codable {
    public var model: String
    public var messages: [ChatMessage]
    public var sampling: Sampling
    public var tools: [ToolDefinition]
    /// Passed through as the caller wrote it (`"auto"`, `"none"`, `{"type":"function",…}`).
    public var toolChoice: JSONValue?
    /// `{"type":"json_object"}` and the like, OpenAI's form.
    public var responseFormat: JSONValue?
    public var stream: Bool
    /// Fields that only one endpoint understands (llama.cpp's `lora`, `cache_prompt`); filtered by
    /// the provider's allow-list like every other field.
    public var extra: [String: JSONValue]

    public init(
        model: String, messages: [ChatMessage], sampling: Sampling = .init(), tools: [ToolDefinition] = [],
        toolChoice: JSONValue? = nil, responseFormat: JSONValue? = nil, stream: Bool = true, extra: [String: JSONValue] = [:]
    ) {
        self.model = model
        self.messages = messages
        self.sampling = sampling
        self.tools = tools
        self.toolChoice = toolChoice
        self.responseFormat = responseFormat
        self.stream = stream
        self.extra = extra
    }

    /// The same request, to be answered in one piece.
    package var whole: ChatRequest {
        guard stream else { return self }
        var request = self
        request.stream = false
        return request
    }
}

/// One message. `content` is plain text; tool results carry `toolCallID`.
public struct ChatMessage: Sendable, Equatable, Codable {
    public enum Role: String, Sendable, Codable { case system, user, assistant, tool }
    public var role: Role
    public var content: String
    public var toolCalls: [ToolCall]
    public var toolCallID: String?
    /// Who of several speakers says it; only OpenAI-compatible vendors have a place for that.
    public var name: String?

    public init(_ role: Role, _ content: String, toolCalls: [ToolCall] = [], toolCallID: String? = nil, name: String? = nil) {
        self.role = role
        self.content = content
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
        self.name = name
    }
}

/// A function the model may call; `parameters` is a JSON Schema.
public struct ToolDefinition: Sendable, Equatable, Codable {
    public var name: String
    public var description: String?
    public var parameters: JSONValue
    /// Whether the arguments must keep to the schema exactly; absent for the vendor's default.
    public var strict: Bool?

    public init(name: String, description: String? = nil, parameters: JSONValue, strict: Bool? = nil) {
        self.name = name
        self.description = description
        self.parameters = parameters
        self.strict = strict
    }
}

/// A call the model made; `arguments` is JSON text as the vendor sent it.
public struct ToolCall: Sendable, Equatable, Codable {
    public var id: String
    public var name: String
    public var arguments: String
    public init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}
