import Answers
import Domain
import Providers
import Store

/// A body of Anthropic's messages API. Every field is honoured, passed on to vendors that take it
/// (`Question.extra`), or refused by its name, but for labels and cache hints, which change nothing in
/// the answer.
struct MessagesRequest {
    private(set) var model = ""
    private(set) var question: Question

    /// - Parameter direct: whether the messages go to the model as they are; else the last one must be
    ///   the user's.
    /// - Throws: ``APIError`` naming the first field that is wrong.
    init(_ object: [String: JSONValue], direct: Bool) throws {
        var fields = GatewayFields()
        question = Question(messages: [], stream: false)
        var system = ""
        for (field, value) in object where !value.isNull {
            if field == "system" { system = AnthropicMessages.text(value, field, &fields) } else { read(field, value, &fields) }
        }
        for field in ["model", "max_tokens", "messages"] where object[field]?.isNull ?? true { fields.missing(field) }
        if !direct, let last = question.messages.last, last.role == .assistant { fields.invalid("messages", "the last message must be the user's") }
        if !system.isEmpty { question.messages.insert(ChatMessage(.system, system), at: 0) }
        try fields.finish()
    }

    private mutating func read(_ field: String, _ value: JSONValue, _ fields: inout GatewayFields) {
        switch field {
        case "model": model = fields.text(field, value, 1...200) ?? ""
        case "max_tokens": question.sampling.maxTokens = fields.integer(field, value, Sampling.Bounds.maxTokens)
        case "messages": question.messages = AnthropicMessages.read(value, &fields)
        case "stream": question.stream = fields.bool(field, value) ?? false
        case "temperature": question.sampling.temperature = fields.number(field, value, 0...1)
        case "top_p": question.sampling.topP = fields.number(field, value, 0...1)
        case "top_k": question.extra[field] = fields.integer(field, value, 0...1_000_000).map { .int($0) }
        case "stop_sequences": question.sampling.stop = fields.strings(field, value, max: 16)
        case "tools": question.tools = AnthropicTools.tools(value, &fields)
        case "tool_choice": choose(value, &fields)
        case "output_config": configure(value, &fields)
        case "thinking":
            // The signature under a model's thoughts cannot be carried to another vendor and back.
            if value["type"] != "disabled" { fields.unsupported(field, "must be of type disabled: signed thoughts cannot be carried") }
        case "service_tier": if value != "auto", value != "standard_only" { fields.invalid(field, "must be auto or standard_only") }
        case "metadata", "cache_control": break
        default: fields.unsupported(field)
        }
    }

    private mutating func choose(_ value: JSONValue, _ fields: inout GatewayFields) {
        guard let object = fields.object("tool_choice", value) else { return }
        fields.only(["type", "name", "disable_parallel_tool_use"], in: object, prefix: "tool_choice.")
        if let name = object["name"], !name.isNull, name.stringValue == nil { fields.invalid("tool_choice.name", "must be a string") }
        question.toolChoice = AnthropicTools.choice(object, &fields)
        if fields.flag("disable_parallel_tool_use", in: object, prefix: "tool_choice.") == true { question.extra["parallel_tool_calls"] = false }
    }

    private mutating func configure(_ value: JSONValue, _ fields: inout GatewayFields) {
        guard let object = fields.object("output_config", value) else { return }
        fields.only(["effort", "format"], in: object, prefix: "output_config.")
        if let effort = object["effort"], !effort.isNull {
            question.extra["reasoning_effort"] = fields.text("output_config.effort", effort, 1...20).map { .string($0) }
        }
        guard let format = object["format"], !format.isNull else { return }
        guard format["type"] == "json_schema", let schema = format["schema"], schema.objectValue != nil else {
            return fields.invalid("output_config.format", "must be of type json_schema with a schema")
        }
        question.responseFormat = ["type": "json_schema", "json_schema": ["name": "output", "strict": true, "schema": schema]]
    }
}
