/// How a document's text is structured, which decides how it is chunked.
public enum DocumentFormat: String, Sendable, Codable {
    /// CommonMark with tables and front matter.
    case markdown
    /// Paragraphs between blank lines, nothing else assumed.
    case plain
}
