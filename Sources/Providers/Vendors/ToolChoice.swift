import Domain

/// A request's `tool_choice`, read.
enum ToolChoice: Equatable {
    case auto
    case never
    case required
    case function(String)
    /// A form that only the vendor it was written for knows.
    case other

    /// OpenAI's forms, and Anthropic's (`{"type": "any"}`); `nil` where nothing is chosen.
    init?(_ json: JSONValue?) {
        guard let json, !json.isNull else { return nil }
        switch json.stringValue ?? json["type"]?.stringValue {
        case "auto": self = .auto
        case "none": self = .never
        case "required", "any": self = .required
        case "function", "tool":
            let name = json["function"]?["name"]?.stringValue ?? json["name"]?.stringValue
            self = name.map(ToolChoice.function) ?? .other
        default: self = .other
        }
    }

    /// Whether the model must or must not call a tool, so that leaving the choice out would change the reply's kind.
    var isBinding: Bool { self != .auto }
}
