import Domain
import Providers

/// Reads what a chat-completions body says of tools and of the answer's form.
enum OpenAITools {
    static func tools(_ value: JSONValue, _ fields: inout GatewayFields) -> [ToolDefinition] {
        var tools: [ToolDefinition] = []
        for (index, tool) in fields.objects("tools", value, 0...128).enumerated() {
            let field = "tools[\(index)]"
            guard tool["type"] == "function", let function = tool["function"]?.objectValue else {
                fields.unsupported(field, "must be of type function")
                continue
            }
            guard let name = function["name"]?.stringValue, !name.isEmpty else {
                fields.missing("\(field).function.name")
                continue
            }
            fields.only(["name", "description", "parameters", "strict"], in: function, prefix: "\(field).function.")
            var definition = ToolDefinition(
                name: name, description: function["description"]?.stringValue,
                parameters: function["parameters"] ?? ["type": "object", "properties": [:]])
            definition.strict = function["strict"]?.boolValue
            tools.append(definition)
        }
        return tools
    }

    static func choice(_ value: JSONValue, _ fields: inout GatewayFields) -> JSONValue? {
        switch value {
        case "none", "auto", "required": return value
        case .object where value["type"] == "function" && value["function"]?["name"]?.stringValue != nil: return value
        default:
            fields.invalid("tool_choice", "must be none, auto, required or one function")
            return nil
        }
    }

    static func format(_ value: JSONValue, _ fields: inout GatewayFields) -> JSONValue? {
        switch value["type"]?.stringValue {
        case "text": return nil
        case "json_object": return value
        case "json_schema" where value["json_schema"]?["schema"]?.objectValue != nil: return value
        case "json_schema":
            fields.invalid("response_format", "json_schema needs a name and a schema")
            return nil
        default:
            fields.invalid("response_format", "must be of type text, json_object or json_schema")
            return nil
        }
    }
}
