import Domain
import Providers

/// Reads the messages of a chat-completions body.
enum OpenAIMessages {
    private static let known: Set<String> = [
        "role", "content", "name", "tool_calls", "tool_call_id",
        // What a reply's message holds and a client sends back with it.
        "refusal", "annotations", "reasoning_content", "reasoning",
    ]

    static func read(_ value: JSONValue, _ fields: inout GatewayFields) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, entry) in fields.objects("messages", value, 1...1000).enumerated() {
            let field = "messages[\(index)]"
            guard let role = role(entry["role"]) else {
                fields.invalid("\(field).role", "must be system, developer, user, assistant or tool")
                continue
            }
            fields.only(known, in: entry, prefix: "\(field).")
            var message = ChatMessage(role, "")
            // A tool's name says nothing that the call's id does not.
            if role != .tool, let name = entry["name"], !name.isNull { message.name = fields.text("\(field).name", name, 1...64) }
            if role == .assistant, let calls = entry["tool_calls"], !calls.isNull {
                message.toolCalls = self.calls(calls, "\(field).tool_calls", &fields)
            }
            if role == .tool {
                message.toolCallID = entry["tool_call_id"]?.stringValue
                if message.toolCallID == nil { fields.invalid("\(field).tool_call_id", "is required of a tool's message") }
            }
            if let content = entry["content"], !content.isNull {
                message.content = text(content, "\(field).content", &fields)
            } else if let refusal = entry["refusal"]?.stringValue, role == .assistant {
                message.content = refusal
            } else if message.toolCalls.isEmpty {
                fields.invalid("\(field).content", "must be text or a list of text parts")
            }
            messages.append(message)
        }
        return messages
    }

    private static func role(_ value: JSONValue?) -> ChatMessage.Role? {
        switch value?.stringValue {
        case "system", "developer": .system
        case "user": .user
        case "assistant": .assistant
        case "tool": .tool
        default: nil
        }
    }

    private static func text(_ content: JSONValue, _ field: String, _ fields: inout GatewayFields) -> String {
        if let text = content.stringValue { return text }
        guard let parts = content.arrayValue else {
            fields.invalid(field, "must be text or a list of text parts")
            return ""
        }
        var texts: [String] = []
        for (index, part) in parts.enumerated() {
            if part["type"] == "text" || part["type"] == "refusal", let text = part["text"]?.stringValue ?? part["refusal"]?.stringValue {
                texts.append(text)
            } else {
                fields.unsupported("\(field)[\(index)]", "is of type \(part["type"]?.stringValue ?? "unknown"): a minion reads text parts only")
            }
        }
        // Parts are pieces of one text: a line break between them would be ours.
        return texts.joined()
    }

    private static func calls(_ value: JSONValue, _ field: String, _ fields: inout GatewayFields) -> [ToolCall] {
        var calls: [ToolCall] = []
        for (index, call) in fields.objects(field, value, 0...128).enumerated() {
            let function = call["function"]
            guard let id = call["id"]?.stringValue, let name = function?["name"]?.stringValue, let arguments = function?["arguments"]?.stringValue
            else {
                fields.invalid("\(field)[\(index)]", "must be a function call with id, function.name and function.arguments")
                continue
            }
            calls.append(ToolCall(id: id, name: name, arguments: arguments))
        }
        return calls
    }
}
