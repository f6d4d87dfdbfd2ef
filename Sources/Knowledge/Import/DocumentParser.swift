import Domain
import Foundation

/// Turns files of other kinds (PDF, DOCX, HTML, …) into text. Implemented outside this module, where a
/// process with limits is at hand.
public protocol DocumentParser: Sendable {
    /// Writes the text of `file` as UTF-8 to `out`, whole or not at all.
    ///
    /// - Parameter name: the user's name for it; its extension tells what the content does not.
    /// - Throws: ``DocumentParseFailure`` where the file is at fault; any other error ends the reading.
    func parse(_ file: URL, name: String, into out: URL) async throws -> ParsedText
}

/// What a ``DocumentParser`` found in a file.
public struct ParsedText: Sendable, Equatable {
    /// What the file was: `pdf`, `docx`, `html`, …
    public var kind: String
    public var format: DocumentFormat
    public var title: String?
    public var date: CalendarDate?
    /// UTF-8 byte offset in the text at which each page begins; empty where there are no pages.
    public var pages: [Int]
    /// What had to be left out or changed, for people.
    public var warnings: [Warning]

    public struct Warning: Sendable, Equatable {
        public var code: String
        public var message: String

        public init(code: String, message: String) {
            self.code = code
            self.message = message
        }
    }

    public init(
        kind: String, format: DocumentFormat, title: String? = nil, date: CalendarDate? = nil, pages: [Int] = [], warnings: [Warning] = []
    ) {
        self.kind = kind
        self.format = format
        self.title = title
        self.date = date
        self.pages = pages
        self.warnings = warnings
    }
}

/// Why a file cannot be turned into text; becomes a ``DocumentProblem`` of its name.
public struct DocumentParseFailure: Error, Sendable, Equatable {
    public var code: String
    public var message: String
    public var hint: String
    /// Whether the file is an archive of files, and no document that is packed as one.
    public var isArchive: Bool

    public init(code: String, message: String, hint: String, isArchive: Bool = false) {
        self.code = code
        self.message = message
        self.hint = hint
        self.isArchive = isArchive
    }
}
