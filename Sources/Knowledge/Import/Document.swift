/// One readable document of a source.
public struct Document: Sendable, Equatable {
    /// Path relative to the source, with `/`; a file's own name; or a corpus line's `_id`.
    public var name: String
    /// Front-matter title, first level-1 heading, corpus title, or the file name made readable.
    public var title: String
    /// The exact content, byte-order mark and CRLF included, so that byte ranges of chunks are byte
    /// ranges of the file.
    public var text: String
    /// Lower-case hex SHA-256 of `text` as UTF-8.
    public var sha256: String
    /// How the text is structured.
    public var format: DocumentFormat

    public init(name: String, title: String, text: String, sha256: String, format: DocumentFormat) {
        self.name = name
        self.title = title
        self.text = text
        self.sha256 = sha256
        self.format = format
    }

    /// Hashes the text and, unless a title is given, finds one.
    public init(name: String, text: String, format: DocumentFormat, title: String? = nil) {
        self.init(
            name: name, title: title ?? DocumentTitle.find(name: name, text: text, format: format), text: text,
            sha256: Digest.hex(text), format: format)
    }
}
