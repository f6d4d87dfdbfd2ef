/// A file or line that could not be used, with what to do about it. Collected, never thrown: one bad
/// file does not lose the others.
public struct DocumentProblem: Sendable, Codable, Equatable {
    /// The document's name, cut where it is very long; `file.jsonl:17` for line 17 of a corpus.
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
        func cut(_ text: String) -> String { text.utf8.count > 1000 ? String(text.unicodeScalars.prefix(300)) + "…" : text }
        self.name = cut(name)
        self.code = code
        self.message = cut(message)
        self.hint = hint
    }
}
