import Domain
import Foundation

/// The documents of an upload as text, in one folder: what is slow to read (pages, pictures of pages,
/// archives) is read once, when it arrives, and every later build begins with text.
///
/// `documents.jsonl` has a line for each document, `documents.text` their texts one behind another,
/// `problems.json` what could not be read. Read in place of the upload by ``DocumentSource``.
public enum ParsedDocuments {
    static let entries = "documents.jsonl"
    static let text = "documents.text"
    static let problems = "problems.json"

    /// One document's line.
    struct Entry: Codable {
        var name: String
        var title: String
        var sha256: String
        var format: DocumentFormat
        var tags: [String]
        var date: CalendarDate?
        var kind: String
        var pages: [Int]
        /// Where its text begins, and how many bytes it has.
        var offset: Int
        var bytes: Int
    }

    /// Whether a folder holds documents in this form.
    static func isAt(_ folder: URL) -> Bool {
        [entries, text].allSatisfy { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
    }

    /// Reads `source` into the new folder `folder` (0700).
    ///
    /// - Returns: how many documents there are, and what could not be read.
    /// - Throws: `KnowledgeError.nothingReadable`; the file system's errors; then `folder` is not there.
    public static func write(
        _ source: DocumentSource, into folder: URL, extractor: (any ArchiveExtractor)?, parser: (any DocumentParser)?, scratch: URL,
        limits: DocumentLimits = .init()
    ) async throws -> (documents: Int, problems: [DocumentProblem]) {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        do {
            var writer = try Writer(folder)
            let found = try await source.forEachDocument(extractor: extractor, parser: parser, scratch: scratch, limits: limits) {
                try writer.add($0)
            }
            try writer.finish(found)
            return (writer.count, found)
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
    }

    private struct Writer {
        let folder: URL
        let entries: FileHandle
        let text: FileHandle
        var offset = 0
        var count = 0
        let encoder = JSONEncoder()

        init(_ folder: URL) throws {
            self.folder = folder
            func make(_ name: String) throws -> FileHandle {
                let url = folder.appendingPathComponent(name)
                guard FileManager.default.createFile(atPath: url.path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
                    throw CocoaError(.fileWriteUnknown)
                }
                return try FileHandle(forWritingTo: url)
            }
            entries = try make(ParsedDocuments.entries)
            text = try make(ParsedDocuments.text)
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        }

        mutating func add(_ document: Document) throws {
            let bytes = Data(document.text.utf8)
            let entry = Entry(
                name: document.name, title: document.title, sha256: document.sha256, format: document.format, tags: document.tags,
                date: document.date, kind: document.kind, pages: document.pages, offset: offset, bytes: bytes.count)
            try text.write(contentsOf: bytes)
            try entries.write(contentsOf: encoder.encode(entry) + [0x0A])
            offset += bytes.count
            count += 1
        }

        func finish(_ found: [DocumentProblem]) throws {
            try entries.close()
            try text.close()
            let url = folder.appendingPathComponent(ParsedDocuments.problems)
            try encoder.encode(found).write(to: url)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
        }
    }

    /// Calls `sink` with each document and then each problem, as the first reading did.
    static func read(_ folder: URL, limits: DocumentLimits, _ sink: DocumentReader.Sink) async throws {
        var lines = try LineReader(url: folder.appendingPathComponent(entries), maxLineBytes: limits.maxDocumentBytes)
        let text = try FileHandle(forReadingFrom: folder.appendingPathComponent(text))
        defer { try? text.close() }
        while let line = try lines.next() {
            try Task.checkCancellation()
            guard case .content(let bytes) = line else { throw damaged(folder) }
            let entry = try JSONDecoder().decode(Entry.self, from: Data(bytes))
            guard entry.offset >= 0, (0...limits.maxDocumentBytes).contains(entry.bytes) else { throw damaged(folder) }
            try text.seek(toOffset: UInt64(entry.offset))
            guard let content = try text.read(upToCount: entry.bytes), content.count == entry.bytes else { throw damaged(folder) }
            try await sink(
                .document(
                    Document(
                        name: entry.name, title: entry.title, text: String(decoding: content, as: UTF8.self), sha256: entry.sha256,
                        format: entry.format, tags: entry.tags, date: entry.date, kind: entry.kind, pages: entry.pages)))
        }
        for problem in try JSONDecoder().decode([DocumentProblem].self, from: Data(contentsOf: folder.appendingPathComponent(problems))) {
            try await sink(.problem(problem))
        }
    }

    private static func damaged(_ folder: URL) -> KnowledgeError {
        .indexDamaged(collection: folder.lastPathComponent, reason: "\(text) does not hold what \(entries) says")
    }
}
