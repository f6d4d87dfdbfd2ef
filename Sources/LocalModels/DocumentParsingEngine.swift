import Foundation
import Logging

/// Turns documents of every kind into text with `engine/documents/parse.py`, each in a limited process of its own:
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
    private let exchange: ExchangeFolder
    /// After this long even a file that was read until its last second is answered.
    private let patience: Duration

    /// - Parameters:
    ///   - exchange: a folder in which each file is shown to the parser; on the file system of the files, so that it is linked and not copied.
    ///   - memoryBytes: address space of one file's worker.
    ///   - seconds: processor time of one file; three times that of the clock.
    ///   - maxTextBytes: most text of one file.
    public static func start(
        paths: EnginePaths, exchange: URL, memoryBytes: Int = 1 << 30, seconds: Int = 120, maxTextBytes: Int = 256 << 20, logger: Logger
    ) async throws -> DocumentParsingEngine {
        let exchange = try ExchangeFolder(in: exchange)
        let (service, _) = try await EngineService.start(
            .init(words: "the document parser", failed: .parserFailed, died: .parserDied), endsWithCaller: true, logger: logger
        ) {
            if let missing = paths.missing() { throw missing }
            // Each file's worker has its own bounds of memory and time. A gigabyte beside the text: what a reader puts aside on the way.
            let limits = ChildLimits(fileBytes: maxTextBytes + 1 << 30, openFiles: 256, processes: 64)
            return paths.command(
                "documents/parse.py",
                ["--memory-bytes", String(memoryBytes), "--seconds", String(seconds), "--max-text-bytes", String(maxTextBytes)],
                Confinement(reads: [exchange.files], writes: [exchange.texts], limits: limits), lowPriority: true)
        }
        return DocumentParsingEngine(service: service, exchange: exchange, patience: .seconds(3 * seconds + 60))
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
        // The parser sees this file alone, and only while it reads it.
        let (line, _) = try await service.ask(within: patience) { id in
            try exchange.show(file, as: id)
            let request = Request(id: id, path: exchange.file(id).path, name: name, out: exchange.text(id).path)
            return try JSONEncoder().encode(request)
        } after: { id, line in
            defer { exchange.clear(id) }
            let wasRead = line.map { (try? JSONDecoder().decode(Parsed.self, from: $0)) != nil } ?? false
            if wasRead { try exchange.take(id, to: out) }
        }
        return try JSONDecoder().decode(Parsed.self, from: line)
    }

    public func stop() async {
        await service.stop()
        exchange.remove()
    }

    /// For tests that kill it.
    public var processID: Int32? { get async { await service.processID } }
}

/// Where files and their texts go to and fro between the server and the parser, which sees no other folder.
final class ExchangeFolder: Sendable {
    /// The parser reads here.
    let files: URL
    /// And writes here.
    let texts: URL
    private let root: URL
    /// Held as long as the folder is used; the system lets go of it when the process ends, however that ends.
    private let lock: Int32

    /// A new folder in `parent`; what processes that are gone have left there is removed.
    init(in parent: URL) throws {
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // One process at a time looks and makes: a folder that is not locked yet is not taken for one that is left over.
        let turn = Self.lock(parent, waiting: true)
        defer { if let turn { close(turn) } }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [] {
            let old = parent.appending(path: name)
            guard let lock = Self.lock(old) else { continue }
            try? FileManager.default.removeItem(at: old)
            close(lock)
        }
        root = parent.appending(path: UUID().uuidString)
        files = root.appending(path: "files")
        texts = root.appending(path: "texts")
        for folder in [root, files, texts] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        guard let lock = Self.lock(root) else {
            throw LocalModelError(code: .ioError, message: "cannot lock the parser's folder: \(String(cString: strerror(errno)))")
        }
        self.lock = lock
    }

    deinit { close(lock) }

    func file(_ id: Int) -> URL { files.appending(path: String(id)) }
    func text(_ id: Int) -> URL { texts.appending(path: String(id)) }

    func show(_ file: URL, as id: Int) throws {
        // Not every file system has links, and not every file lies on this one.
        do { try FileManager.default.linkItem(at: file, to: self.file(id)) } catch { try FileManager.default.copyItem(at: file, to: self.file(id)) }
    }

    func take(_ id: Int, to target: URL) throws {
        let text = text(id)
        try WrittenFiles.requirePlain(file: text)
        if rename(text.path, target.path) == 0 { return }
        try? FileManager.default.removeItem(at: target)
        try FileManager.default.moveItem(at: text, to: target)
    }

    func clear(_ id: Int) {
        for url in [file(id), text(id)] { try? FileManager.default.removeItem(at: url) }
    }

    func remove() { try? FileManager.default.removeItem(at: root) }

    private static func lock(_ folder: URL, waiting: Bool = false) -> Int32? {
        let descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        if flock(descriptor, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) == 0 { return descriptor }
        close(descriptor)
        return nil
    }
}
