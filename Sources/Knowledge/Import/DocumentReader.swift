import Foundation

/// Walks a source and yields documents and problems one at a time.
struct DocumentReader {
    enum Event {
        case document(Document)
        case problem(DocumentProblem)
    }

    typealias Sink = (Event) async throws -> Void

    let extractor: (any ArchiveExtractor)?
    /// For kinds that are not text; nil reports them as problems.
    var parser: (any DocumentParser)?
    let scratch: URL
    let limits: DocumentLimits

    func read(_ source: DocumentSource, _ sink: Sink) async throws {
        let url = source.url.resolvingSymlinksInPath()
        let sink: Sink = { event in
            if case .document(let document) = event { try await sink(.document(source.marked(document))) } else { try await sink(event) }
        }
        if FileTree.isDirectory(url), ParsedDocuments.isAt(url) {
            try await ParsedDocuments.read(url, limits: limits, sink)
        } else if FileTree.isDirectory(url) {
            try await readFolder(url, name: source.name, insideArchive: false, sink)
        } else {
            try await readFile(url, name: source.name, insideArchive: false, sink)
        }
    }

    private func readFolder(_ folder: URL, name: String, insideArchive: Bool, _ sink: Sink) async throws {
        let (files, hidden) = try FileTree.list(under: folder)
        if !hidden.isEmpty { try await sink(.problem(.hidden(name, hidden))) }
        for path in files {
            try Task.checkCancellation()
            try await readFile(folder.appendingPathComponent(path), name: path, insideArchive: insideArchive, sink)
        }
    }

    private func readFile(_ url: URL, name: String, insideArchive: Bool, _ sink: Sink) async throws {
        let head: [UInt8]
        do {
            let handle = try FileHandle(forReadingFrom: url)
            defer { try? handle.close() }
            head = [UInt8](try handle.read(upToCount: FileSignature.length) ?? Data())
        } catch {
            try await sink(.problem(.unreadable(name, error)))
            return
        }
        switch FileSignature(head) {
        case .zip where parser != nil: try await readZip(url, name: name, insideArchive: insideArchive, sink)
        case .zip where insideArchive, .archive where insideArchive: try await sink(.problem(.nestedArchive(name)))
        case .zip, .archive: try await readArchive(url, name: name, sink)
        case .foreign where parser != nil: try await parse(url, name: name, sink)
        case .foreign(let format): try await sink(.problem(.unsupported(name, what: "is \(format)")))
        case .unknown:
            switch TextKind(name: name, head: head) {
            case .corpus: try await CorpusReader(limits: limits).read(url, name: name, sink)
            case .document(.markdown) where parser != nil && TextKind.isPage(head), .document(.plain) where parser != nil && TextKind.isPage(head):
                try await parse(url, name: name, sink)
            // The parser knows the delimiter, the encoding and what a header is.
            case .document(.rows) where parser != nil: try await parse(url, name: name, sink)
            case .document(let format):
                let event = TextFileReader(limits: limits).read(url, name: name, format: format)
                // Other encodings than UTF-8 are a matter for the parser.
                if case .problem(let problem) = event, problem.code == "not_utf8", parser != nil {
                    try await parse(url, name: name, sink)
                } else {
                    try await sink(event)
                }
            case .unsupported where parser != nil: try await parse(url, name: name, sink)
            case .unsupported(let what): try await sink(.problem(.unsupported(name, what: what)))
            }
        }
    }

    /// A document that is packed as a zip, or the files of an archive: the parser looks at its entries.
    private func readZip(_ url: URL, name: String, insideArchive: Bool, _ sink: Sink) async throws {
        do {
            // An archive may be larger than a document.
            try await sink(document(url, name: name, mayBeArchive: true, sink))
        } catch let failure as DocumentParseFailure where failure.isArchive {
            guard !insideArchive else { return try await sink(.problem(.nestedArchive(name))) }
            let suffix = name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last.map { $0.lowercased() }
            if let suffix, suffix != "zip" { try await sink(.problem(.calledOther(name, suffix: suffix))) }
            try await readArchive(url, name: name, sink)
        } catch let failure as DocumentParseFailure {
            try await sink(.problem(.init(name: name, code: failure.code, message: failure.message, hint: failure.hint)))
        }
    }

    /// The text of a file of another kind, or why there is none.
    private func parse(_ url: URL, name: String, _ sink: Sink) async throws {
        do {
            try await sink(document(url, name: name, sink))
        } catch let failure as DocumentParseFailure {
            try await sink(.problem(.init(name: name, code: failure.code, message: failure.message, hint: failure.hint)))
        }
    }

    /// What the parser makes of a file, its warnings sent before it.
    private func document(_ url: URL, name: String, mayBeArchive: Bool = false, _ sink: Sink) async throws -> Event {
        let size = (try? FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int) ?? 0
        guard size <= limits.maxFileBytes || mayBeArchive else { return .problem(.tooLarge(name, bytes: size, limit: limits.maxFileBytes)) }
        let out = scratch.appendingPathComponent("parsed-" + UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: out) }
        guard let found = try await parser?.parse(url, name: name, into: out) else { return .problem(.unsupported(name, what: "is not text")) }
        guard size <= limits.maxFileBytes else { return .problem(.tooLarge(name, bytes: size, limit: limits.maxFileBytes)) }
        let text = String(decoding: try Data(contentsOf: out), as: UTF8.self)
        guard text.utf8.count <= limits.maxDocumentBytes else {
            return .problem(.tooLarge(name, bytes: text.utf8.count, limit: limits.maxDocumentBytes))
        }
        guard !TextFileReader.isBlank(Array(text.utf8)) else { return .problem(.empty(name)) }
        for warning in found.warnings { try await sink(.problem(.warning(warning, of: name))) }
        return .document(
            Document(
                name: name, text: text, format: found.format, title: found.title ?? DocumentTitle.readable(name), date: found.date,
                kind: found.kind, pages: found.pages))
    }

    private func readArchive(_ url: URL, name: String, _ sink: Sink) async throws {
        guard let extractor else {
            try await sink(.problem(.archiveUnsupported(name)))
            return
        }
        let folder = scratch.appendingPathComponent("unpacked-" + UUID().uuidString, isDirectory: true)
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        let notes: [ArchiveNote]
        do {
            notes = try await extractor.unpack(
                url, into: folder, maxEntries: limits.maxArchiveEntries, maxBytes: limits.maxArchiveBytes)
        } catch is CancellationError {
            throw CancellationError()
        } catch let error as KnowledgeError {
            throw error
        } catch {
            try await sink(.problem(.archiveUnreadable(name, error)))
            return
        }
        for note in notes { try await sink(.problem(note.problem(of: name))) }
        try await readFolder(folder, name: name, insideArchive: true, sink)
    }
}
