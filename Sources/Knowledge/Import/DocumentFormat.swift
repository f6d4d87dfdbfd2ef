/// How a document's text is structured, which decides how it is chunked.
public enum DocumentFormat: Sendable, Hashable {
    /// CommonMark with tables and front matter.
    case markdown
    /// Paragraphs between blank lines, nothing else assumed.
    case plain
    /// Records of fields (RFC 4180), the first of them the header.
    case rows(delimiter: Delimiter)
    /// Source text; the language's name in lower case, empty where it is not known.
    case code(language: String)

    public enum Delimiter: String, Sendable, Hashable {
        case comma = "csv"
        case tab = "tsv"
    }
}

extension DocumentFormat: RawRepresentable, Codable {
    /// `markdown`, `plain`, `csv`, `tsv`, `code:swift`.
    public var rawValue: String {
        switch self {
        case .markdown: "markdown"
        case .plain: "plain"
        case .rows(let delimiter): delimiter.rawValue
        case .code(let language): "code:" + language
        }
    }

    public init?(rawValue: String) {
        switch rawValue {
        case "markdown": self = .markdown
        case "plain": self = .plain
        case "csv", "tsv": self = .rows(delimiter: Delimiter(rawValue: rawValue)!)
        case let code where code.hasPrefix("code:"): self = .code(language: String(code.dropFirst(5)))
        default: return nil
        }
    }

    /// The kind of a document that names none.
    var kind: String {
        switch self {
        case .code: "code"
        default: rawValue
        }
    }
}
