import Domain

/// A request's `response_format`, read.
enum ResponseFormat: Equatable {
    case jsonObject
    case jsonSchema(JSONValue)
    /// A form that only the vendor it was written for knows.
    case other(String)

    /// `nil` for plain text.
    init?(_ json: JSONValue?) {
        guard let json, !json.isNull else { return nil }
        switch json["type"]?.stringValue {
        case "text": return nil
        case "json_object": self = .jsonObject
        case "json_schema":
            guard let schema = json["json_schema"]?["schema"] ?? json["schema"] else {
                self = .other("json_schema without a schema")
                return
            }
            self = .jsonSchema(schema)
        case let type: self = .other(type ?? "without a type")
        }
    }
}
