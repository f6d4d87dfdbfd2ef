import Foundation
import Logging

/// Turns documents of every kind into text with `engine/parse.py`, each in a limited process of its own:
/// a bad file fails alone and by name.
public struct DocumentParsingEngine: Sendable {
    /// What a file turned into.
    public struct Parsed: Sendable, Decodable, Equatable {
        public struct Warning: Sendable, Decodable, Equatable {
            public var code: String
            public var message: String
        }

        /// `pdf`, `docx`, `html`, `source`, …
        public var kind: String
        /// `markdown`, `plain` or `code`.
        public var format: String
        /// Of code.
        public var language: String?
        public var title: String?
        /// UTF-8 bytes of the text.
        public var bytes: Int
        /// Byte offset in the text where each page begins, where the document has pages.
        public var pages: [Int]?
        public var metadata: [String: String]?
        public var warnings: [Warning]
    }

    private let service: EngineService

    /// - Parameters:
    ///   - memoryBytes: address space of one file's worker.
    ///   - seconds: wall-clock time of one file.
    ///   - maxTextBytes: most text of one file.
    public static func start(
        paths: EnginePaths, memoryBytes: Int = 1 << 30, seconds: Int = 120, maxTextBytes: Int = 256 << 20, logger: Logger
    ) async throws -> DocumentParsingEngine {
        let (service, _) = try await EngineService.start(.init(words: "the document parser", code: "parser"), logger: logger) {
            if let missing = paths.missing() { throw missing }
            return paths.command(
                "parse.py",
                ["--memory-bytes", String(memoryBytes), "--seconds", String(seconds), "--max-text-bytes", String(maxTextBytes)], lowPriority: true)
        }
        return DocumentParsingEngine(service: service)
    }

    /// Writes the text of `file` to `out`, whole or not at all.
    /// - Parameter name: the user's name for it; its extension tells what the content does not.
    /// - Throws: ``LocalModelError`` with the parser's code, message and hint.
    public func parse(_ file: URL, name: String, into out: URL) async throws -> Parsed {
        struct Request: Encodable {
            var id: Int
            var path: String
            var name: String
            var out: String
        }
        let (line, _) = try await service.ask { try JSONEncoder().encode(Request(id: $0, path: file.path, name: name, out: out.path)) }
        return try JSONDecoder().decode(Parsed.self, from: line)
    }

    public func stop() async { await service.stop() }

    /// For tests that kill it.
    public var processID: Int32? { get async { await service.processID } }
}
