import Domain
import Foundation
import Knowledge
import LocalModels
import Logging

/// The engine's document parser as Knowledge sees it: started with the first document that needs it.
public actor EngineDocumentParser: DocumentParser {
    private let paths: EnginePaths
    private let exchange: URL
    private let limits: DocumentLimits
    private let logger: Logger
    private var starting: Task<DocumentParsingEngine, any Error>?

    /// - Parameter exchange: the folder in which documents are shown to the parser.
    public init(paths: EnginePaths, exchange: URL, limits: DocumentLimits = .init(), logger: Logger) {
        self.paths = paths
        self.exchange = exchange
        self.limits = limits
        self.logger = logger
    }

    public func parse(_ file: URL, name: String, into out: URL) async throws -> ParsedText {
        let parsed: DocumentParsingEngine.Parsed
        do {
            parsed = try await engine().parse(file, name: name, into: out)
        } catch let error as LocalModelError {
            // The engine names the file as it was told to: by the user's name.
            throw DocumentParseFailure(
                code: error.code.rawValue, message: error.message, hint: error.hint ?? "Convert it to PDF, DOCX, HTML, markdown or UTF-8 text.",
                isArchive: error.code == .archive)
        }
        return ParsedText(
            kind: parsed.kind, format: Self.format(parsed), title: parsed.title, date: parsed.metadata?["date"].flatMap { CalendarDate($0) },
            pages: parsed.pages ?? [], warnings: parsed.warnings.map { .init(code: $0.code, message: $0.message) })
    }

    public func stop() async {
        let running = try? await starting?.value
        starting = nil
        await running?.stop()
    }

    private func engine() async throws -> DocumentParsingEngine {
        if let starting { return try await starting.value }
        let task = Task { [paths, exchange, limits, logger] in
            try await DocumentParsingEngine.start(paths: paths, exchange: exchange, maxTextBytes: limits.maxDocumentBytes, logger: logger)
        }
        starting = task
        do { return try await task.value } catch {
            starting = nil
            throw error
        }
    }

    private static func format(_ parsed: DocumentParsingEngine.Parsed) -> DocumentFormat {
        switch parsed.format {
        case "code": .code(language: parsed.language ?? "")
        case "plain": .plain
        default: .markdown
        }
    }
}

/// The engine's archive tool as Knowledge sees it.
extension ArchiveTool: ArchiveExtractor {
    /// Of failures that are none of the archive's.
    private static let own: Set<LocalModelError.Code> = [.engineMissing, .ioError, .archiveUnreadable]

    public func unpack(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws -> [ArchiveNote] {
        do {
            return try await extract(archive, into: directory, maxEntries: maxEntries, maxBytes: maxBytes).map {
                ArchiveNote(entry: $0.entry, code: $0.code, message: $0.message, hint: $0.hint)
            }
        } catch let error as LocalModelError where error.code == .diskFull {
            throw KnowledgeError.diskFull(what: "the archive's files")
        } catch let error as LocalModelError where !Self.own.contains(error.code) {
            throw DocumentParseFailure(
                code: error.code.rawValue, message: error.message, hint: error.hint ?? "Pack the files again and upload the new archive.")
        }
    }
}
