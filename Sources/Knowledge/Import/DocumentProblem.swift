/// A file or line that could not be used, with what to do about it. Collected, never thrown: one bad
/// file does not lose the others.
public struct DocumentProblem: Sendable, Codable, Equatable {
    /// The document's name; `file.jsonl:17` for line 17 of a corpus.
    public var name: String
    /// Stable name for programs: `empty_document`, `not_utf8`, `binary_file`, `unsupported_type`,
    /// `unreadable`, `document_too_large`, `archive_unsupported`, `archive_unreadable`,
    /// `nested_archive`, `invalid_json`, `missing_text`, `missing_id`, `invalid_field`, `line_too_long`,
    /// `duplicate_document`, `duplicate_name`, `more_problems`.
    public var code: String
    /// What was found and what was expected.
    public var message: String
    /// How to fix it.
    public var hint: String

    public init(name: String, code: String, message: String, hint: String) {
        self.name = name
        self.code = code
        self.message = message
        self.hint = hint
    }
}
