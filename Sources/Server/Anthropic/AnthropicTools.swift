import Domain
import Providers

/// Reads tools and their choice from Anthropic's form into the neutral one.
enum AnthropicTools {
    static func tools(_ value: JSONValue, _ fields: inout GatewayFields) -> [ToolDefinition] {
        var tools: [ToolDefinition] = []
        for (index, tool) in fields.objects("tools", value, 0...128).enumerated() {
            let field = "tools[\(index)]"
            if let type = tool["type"], !type.isNull, type != "custom" {
                fields.unsupported(field, "is of type \(type.stringValue ?? "unknown"): only the caller's own tools can be called")
                continue
            }
            guard let name = tool["name"]?.stringValue, !name.isEmpty, let schema = tool["input_schema"], schema.objectValue != nil else {
                fields.invalid(field, "must have a name and an input_schema")
                continue
            }
            fields.only(
                ["type", "name", "description", "input_schema", "strict", "cache_control", "eager_input_streaming"], in: tool, prefix: "\(field).")
            tools.append(
                ToolDefinition(
                    name: name, description: tool["description"]?.stringValue, parameters: schema, strict: tool["strict"]?.boolValue))
        }
        return tools
    }

    /// In OpenAI's words, which are the neutral form's.
    static func choice(_ object: [String: JSONValue], _ fields: inout GatewayFields) -> JSONValue? {
        switch object["type"]?.stringValue {
        case "auto": return "auto"
        case "any": return "required"
        case "none": return "none"
        case "tool":
            if let name = object["name"]?.stringValue { return ["type": "function", "function": ["name": .string(name)]] }
            fields.missing("tool_choice.name")
        default: fields.invalid("tool_choice.type", "must be auto, any, tool or none")
        }
        return nil
    }
}
