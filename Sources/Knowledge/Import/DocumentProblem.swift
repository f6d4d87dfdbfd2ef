import Domain

/// A file or line that could not be used, or what of a file that was read was left out, changed or guessed; with what
/// to do about it. Collected, never thrown: one bad file does not lose the others.
public struct DocumentProblem: Sendable, Codable, Equatable {
    /// The document's name, cut where it is very long; `file.jsonl:17` for line 17 of a corpus.
    public var name: String
    /// Stable name for programs: `empty_document`, `not_utf8`, `binary_file`, `unsupported_type`,
    /// `unreadable`, `document_too_large`, `archive_unsupported`, `archive_unreadable`,
    /// `nested_archive`, `invalid_json`, `missing_text`, `missing_id`, `invalid_field`, `line_too_long`,
    /// `duplicate_document`, `duplicate_name`, `fields_left_out`,
    /// `hidden_left_out`, `more_problems`; and those of parser and extractor.
    public var code: String
    /// What was found and what was expected.
    public var message: String
    /// How to fix it.
    public var hint: String
    /// Whether the file was read all the same.
    public var isWarning: Bool

    public init(name: String, code: String, message: String, hint: String, isWarning: Bool = false) {
        self.name = name.excerpt
        self.code = code
        self.message = message.excerpt
        self.hint = hint
        self.isWarning = isWarning
    }

    private enum CodingKeys: String, CodingKey {
        case name, code, message, hint
        case isWarning = "is_warning"
    }

    /// Lists written before there were warnings hold none.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        code = try container.decode(String.self, forKey: .code)
        message = try container.decode(String.self, forKey: .message)
        hint = try container.decode(String.self, forKey: .hint)
        isWarning = try container.decodeIfPresent(Bool.self, forKey: .isWarning) ?? false
    }
}
