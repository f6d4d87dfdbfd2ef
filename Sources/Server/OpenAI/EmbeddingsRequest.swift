import Domain
import Providers

/// A body of `/v1/embeddings` (https://platform.openai.com/docs/api-reference/embeddings).
struct EmbeddingsRequest {
    private(set) var model = ""
    private(set) var texts: [String] = []
    private(set) var kind = EmbedKind.passage
    /// Whether vectors are told as base64 of little-endian 32-bit floats, which OpenAI's clients ask for.
    private(set) var isBase64 = false

    init(_ object: [String: JSONValue]) throws {
        var fields = GatewayFields()
        for (field, value) in object where !value.isNull {
            switch field {
            case "model": model = fields.text(field, value, 1...200) ?? ""
            case "input": texts = Self.texts(value, &fields)
            case "encoding_format":
                isBase64 = value == "base64"
                if value != "base64", value != "float" { fields.invalid(field, "must be float or base64") }
            // NVIDIA's and others' field: some models embed a question and a passage differently.
            case "input_type":
                kind = value == "query" ? .query : .passage
                if value != "query", value != "passage" { fields.invalid(field, "must be query or passage") }
            case "dimensions": fields.unsupported(field, "is not supported: a model's vectors have one length")
            case "user": break
            default: fields.unsupported(field)
            }
        }
        for field in ["model", "input"] where object[field]?.isNull ?? true { fields.missing(field) }
        try fields.finish()
    }

    private static func texts(_ value: JSONValue, _ fields: inout GatewayFields) -> [String] {
        let texts = value.stringValue.map { [$0] } ?? value.arrayValue?.compactMap(\.stringValue) ?? []
        if texts.isEmpty || texts.count > 2048 || (value.arrayValue.map { $0.count != texts.count } ?? false) {
            fields.invalid("input", "must be a text or a list of 1 to 2048 texts; tokens are not understood")
        } else if let index = texts.firstIndex(of: "") {
            fields.invalid(value.arrayValue == nil ? "input" : "input[\(index)]", "must not be empty")
        }
        return texts
    }
}
