import Domain

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
    /// What the user calls it by; filters ask for them. Compared exactly.
    public var tags: [String]
    /// The day it is of, for filters.
    public var date: CalendarDate?
    /// What it was before it was text (`pdf`, `html`, `markdown`, …), for filters.
    public var kind: String
    /// UTF-8 byte offset at which each page begins, ascending; empty where there are no pages.
    public var pages: [Int]

    public init(
        name: String, title: String, text: String, sha256: String, format: DocumentFormat, tags: [String] = [], date: CalendarDate? = nil,
        kind: String? = nil, pages: [Int] = []
    ) {
        self.name = name
        self.title = title
        self.text = text
        self.sha256 = sha256
        self.format = format
        self.tags = tags
        self.date = date
        self.kind = kind ?? format.kind
        self.pages = pages
    }

    /// Hashes the text and, unless a title is given, finds one.
    public init(
        name: String, text: String, format: DocumentFormat, title: String? = nil, tags: [String] = [], date: CalendarDate? = nil,
        kind: String? = nil, pages: [Int] = []
    ) {
        self.init(
            name: name, title: title ?? DocumentTitle.find(name: name, text: text, format: format), text: text,
            sha256: Digest.hex(text), format: format, tags: tags, date: date, kind: kind, pages: pages)
    }

    /// The page, from 1, that a byte is on; nil where there are no pages. Text before the first page's
    /// offset is on the first.
    func page(at byte: Int) -> Int? {
        guard !pages.isEmpty else { return nil }
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if pages[middle] <= byte { low = middle + 1 } else { high = middle }
        }
        return max(1, low)
    }
}
