import Domain
import Foundation

/// A file, a folder or an archive that holds documents.
public struct DocumentSource: Sendable, Equatable {
    /// Where it lies.
    public var url: URL
    /// What the user calls it. Uploads are stored under their hash, so the stored name says nothing;
    /// the extension of this one decides between markdown, plain text and JSON lines.
    public var name: String
    /// Tags of every document in it, beside those the documents bring.
    public var tags: [String]
    /// Day and kind of its documents that bring none.
    public var date: CalendarDate?
    public var kind: String?

    /// - Parameter name: the user's name for it; nil takes the file's own.
    public init(_ url: URL, name: String? = nil, tags: [String] = [], date: CalendarDate? = nil, kind: String? = nil) {
        self.url = url
        self.name = name ?? url.lastPathComponent
        self.tags = tags
        self.date = date
        self.kind = kind
    }

    /// The document with what the source says of all of them.
    func marked(_ document: Document) -> Document {
        var document = document
        for tag in tags where !document.tags.contains(tag) { document.tags.append(tag) }
        document.date = document.date ?? date
        if let kind, document.kind == document.format.kind { document.kind = kind }
        return document
    }

    /// Calls `body` with each document, one at a time, in an order that is the same every time.
    ///
    /// - Parameters:
    ///   - extractor: unpacks archives; nil reports them as problems.
    ///   - parser: turns other kinds of files into text; nil reports them as problems.
    ///   - scratch: an existing folder for unpacked files, emptied again afterwards.
    /// - Returns: what could not be read.
    /// - Throws: `KnowledgeError.nothingReadable` when there was no document at all, and what `body` throws.
    @discardableResult
    public func forEachDocument(
        extractor: (any ArchiveExtractor)? = nil, parser: (any DocumentParser)? = nil, scratch: URL, limits: DocumentLimits = .init(),
        _ body: (Document) async throws -> Void
    ) async throws -> [DocumentProblem] {
        var problems = DocumentProblemLog()
        var count = 0
        let reader = DocumentReader(extractor: extractor, parser: parser, scratch: scratch, limits: limits)
        try await reader.read(self) { event in
            switch event {
            case .document(let document):
                count += 1
                try await body(document)
            case .problem(let problem):
                problems.add(problem)
            }
        }
        guard count > 0 else { throw KnowledgeError.nothingReadable(problems: problems.list) }
        return problems.list
    }
}
