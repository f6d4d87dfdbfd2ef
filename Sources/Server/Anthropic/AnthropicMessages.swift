import Domain
import Providers

/// Reads the messages and text blocks of Anthropic's form.
enum AnthropicMessages {
    static func read(_ value: JSONValue, _ fields: inout GatewayFields) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, entry) in fields.objects("messages", value, 1...1000).enumerated() {
            let field = "messages[\(index)]"
            fields.only(["role", "content"], in: entry, prefix: "\(field).")
            guard let role = entry["role"]?.stringValue, role == "user" || role == "assistant" else {
                fields.invalid("\(field).role", "must be user or assistant")
                continue
            }
            guard let content = entry["content"], !content.isNull else {
                fields.missing("\(field).content")
                continue
            }
            if let text = content.stringValue {
                messages.append(ChatMessage(role == "user" ? .user : .assistant, text))
            } else if role == "user" {
                messages += user(content, "\(field).content", &fields)
            } else {
                messages.append(assistant(content, "\(field).content", &fields))
            }
        }
        return messages
    }

    /// A text, or blocks of text joined. Blocks are pieces of one text: a line break between them would be ours.
    static func text(_ value: JSONValue, _ field: String, _ fields: inout GatewayFields) -> String {
        if let text = value.stringValue { return text }
        var texts: [String] = []
        for (index, block) in fields.objects(field, value, 0...1000).enumerated() {
            if block["type"] == "text", let text = block["text"]?.stringValue {
                texts.append(text)
            } else {
                refuse(block, "\(field)[\(index)]", &fields)
            }
        }
        return texts.joined()
    }

    /// Results of tools become messages of their own, in their places among the texts.
    private static func user(_ content: JSONValue, _ field: String, _ fields: inout GatewayFields) -> [ChatMessage] {
        var messages: [ChatMessage] = []
        for (index, block) in fields.objects(field, content, 1...1000).enumerated() {
            let field = "\(field)[\(index)]"
            switch block["type"]?.stringValue {
            case "text":
                let text = fields.text("\(field).text", block["text"] ?? .null, 0...Int.max) ?? ""
                if messages.last?.role == .user {
                    messages[messages.count - 1].content += text
                } else {
                    messages.append(ChatMessage(.user, text))
                }
            case "tool_result":
                let id = fields.text("\(field).tool_use_id", block["tool_use_id"] ?? .null)
                let result = block["content"].map { $0.isNull ? "" : text($0, "\(field).content", &fields) } ?? ""
                // The other vendors have no mark for a failed call: the words carry it.
                let failed = block["is_error"] == true
                messages.append(ChatMessage(.tool, failed ? "Error: \(result)" : result, toolCallID: id))
            default: refuse(block, field, &fields)
            }
        }
        return messages
    }

    private static func assistant(_ content: JSONValue, _ field: String, _ fields: inout GatewayFields) -> ChatMessage {
        var message = ChatMessage(.assistant, "")
        for (index, block) in fields.objects(field, content, 1...1000).enumerated() {
            let field = "\(field)[\(index)]"
            switch block["type"]?.stringValue {
            case "text":
                let text = fields.text("\(field).text", block["text"] ?? .null, 0...Int.max) ?? ""
                message.content += text
            case "tool_use":
                guard let id = block["id"]?.stringValue, let name = block["name"]?.stringValue, let input = block["input"], input.objectValue != nil
                else {
                    fields.invalid(field, "must have an id, a name and an input object")
                    continue
                }
                message.toolCalls.append(ToolCall(id: id, name: name, arguments: input.serialized()))
            // What we told of a model's thoughts comes back with the reply; no vendor wants another's.
            case "thinking", "redacted_thinking": break
            default: refuse(block, field, &fields)
            }
        }
        return message
    }

    private static func refuse(_ block: [String: JSONValue], _ field: String, _ fields: inout GatewayFields) {
        fields.unsupported(field, "is of type \(block["type"]?.stringValue ?? "unknown"): a minion reads text, tool_use and tool_result blocks only")
    }
}
