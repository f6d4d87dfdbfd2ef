import Answers
import Domain
import Providers
import Store

/// A chat-completions body. Every field of OpenAI's is honoured, passed on to vendors that take it
/// (`Question.extra`), or refused by its name, but for labels that change nothing in the answer.
struct ChatCompletionRequest {
    private(set) var model = ""
    private(set) var question: Question
    private(set) var includeUsage = false

    /// - Parameter direct: whether the messages go to the model as they are; else the last one must be a
    ///   question or a tool's result.
    /// - Throws: ``APIError`` naming the first field that is wrong.
    init(_ object: [String: JSONValue], direct: Bool) throws {
        var fields = GatewayFields()
        question = Question(messages: [], stream: false)
        // A client that fills in every field it knows means nothing by a null.
        for (field, value) in object where !value.isNull { read(field, value, &fields) }
        if let newer = object["max_completion_tokens"], !newer.isNull { question.sampling.maxTokens = newer.intValue }
        if object["model"]?.isNull ?? true { fields.missing("model") }
        if object["messages"]?.isNull ?? true { fields.missing("messages") }
        if question.tools.isEmpty, question.toolChoice != nil, question.toolChoice != "none" {
            fields.invalid("tool_choice", "is only allowed with tools")
        }
        if !direct, let last = question.messages.last, last.role != .user, last.role != .tool {
            fields.invalid("messages", "the last message must be the user's or a tool's")
        }
        try fields.finish()
    }

    private mutating func read(_ field: String, _ value: JSONValue, _ fields: inout GatewayFields) {
        switch field {
        case "model": model = fields.text(field, value, 1...200) ?? ""
        case "messages": question.messages = OpenAIMessages.read(value, &fields)
        case "stream": question.stream = fields.bool(field, value) ?? false
        case "stream_options":
            guard let options = fields.object(field, value) else { return }
            fields.only(["include_usage", "include_obfuscation"], in: options, prefix: "stream_options.")
            includeUsage = fields.flag("include_usage", in: options, prefix: "stream_options.") ?? false
        case "temperature": question.sampling.temperature = fields.number(field, value, Sampling.Bounds.temperature)
        case "top_p": question.sampling.topP = fields.number(field, value, Sampling.Bounds.topP)
        case "max_tokens", "max_completion_tokens": question.sampling.maxTokens = fields.integer(field, value, Sampling.Bounds.maxTokens)
        case "seed": question.sampling.seed = fields.integer(field, value, Sampling.Bounds.seed)
        case "stop": question.sampling.stop = value.stringValue.map { [$0] } ?? fields.strings(field, value, max: 4)
        case "tools": question.tools = OpenAITools.tools(value, &fields)
        case "tool_choice": question.toolChoice = OpenAITools.choice(value, &fields)
        case "response_format": question.responseFormat = OpenAITools.format(value, &fields)
        case "parallel_tool_calls": question.extra[field] = fields.bool(field, value).map { .bool($0) }
        case "presence_penalty", "frequency_penalty":
            // 0 is every vendor's default and what many clients send by habit.
            if let penalty = fields.number(field, value, -2...2), penalty != 0 { question.extra[field] = .double(penalty) }
        case "logit_bias": question.extra[field] = fields.object(field, value).flatMap { $0.isEmpty ? nil : .object($0) }
        case "reasoning_effort", "verbosity": question.extra[field] = fields.text(field, value).map { .string($0) }
        case "n": if fields.integer(field, value, 1...128) ?? 1 != 1 { fields.unsupported(field, "must be 1: a minion gives one answer") }
        case "logprobs": if fields.bool(field, value) ?? false { fields.unsupported(field) }
        case "top_logprobs": if value != 0 { fields.unsupported(field) }
        case "modalities": if value != ["text"] { fields.unsupported(field, "must be [\"text\"]") }
        case "service_tier": if value != "auto", value != "default" { fields.unsupported(field, "must be auto or default") }
        // Labels for OpenAI's own books.
        case "user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention": break
        default: fields.unsupported(field)
        }
    }
}
