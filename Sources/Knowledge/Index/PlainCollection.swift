import Domain
import Foundation
import GRDB

/// The plain form of a collection: its documents, how they are cut, and their vectors, without the database that
/// finds them. Releases are exported in it, and it is what their address stands for: the same documents, cut and
/// embedded alike, have the same bytes on every server.
///
/// - `collection.json`: embedder and chunking settings.
/// - `documents.jsonl`: a document a line, with the places of its chunks in its text.
/// - `texts.utf8`: the texts, one after another.
/// - `vectors.f32`: the collection's own file of vectors.
///
/// `engine/documents/collection_import.py` reads and writes it, too; from elsewhere it comes in only through that.
public enum PlainCollection {
    static let facts = "collection.json"
    static let documents = "documents.jsonl"
    static let texts = "texts.utf8"
    /// Bytes of a document's line that are read, and of its text.
    static let maxLineBytes = 64 << 20
    static let maxTextBytes = 64 << 20
    private static let group = 64
    private static let groupBytes = 1 << 20
    private static let rows = 1024

    private struct Facts: Codable {
        var embedder: EmbedderIdentity
        var settings: ChunkingSettings
    }

    private struct Line: Codable {
        struct Piece: Codable {
            var start: Int
            var end: Int
            var tokens: Int
            var page: Int?
            var headings: [String]
        }

        var bytes: Int
        var chunks: [Piece]
        var date: CalendarDate?
        var format: DocumentFormat
        var kind: String
        var name: String
        var pages: [Int]
        var tags: [String]
        var title: String
    }

    /// The files of a finished collection in the plain form; those that are not its own are written into `folder`.
    ///
    /// - Returns: the four files, by the name they have there.
    /// - Throws: `KnowledgeError.indexDamaged`; errors of the file system and SQLite.
    public static func write(_ directory: URL, into folder: URL) throws -> [URL] {
        let index = try CollectionIndex.open(directory)
        let database = index.database
        guard let settings = try database.get(.settings) else { throw database.damaged("its settings are missing") }
        let facts = Facts(embedder: index.summary.embedder, settings: try ChunkDatabase.decode(settings))
        let files = [Self.facts, documents, texts].map(folder.appendingPathComponent)
        for file in files { try Durable.createPrivateFile(file) }
        try Data(ChunkDatabase.json(facts).utf8).write(to: files[0])
        let (lines, texts) = (try FileHandle(forWritingTo: files[1]), try FileHandle(forWritingTo: files[2]))
        defer {
            try? lines.close()
            try? texts.close()
        }
        var last = 0
        while true {
            try Task.checkCancellation()
            let stored = try database.stored(after: last, limit: group, filter: nil)
            guard let end = stored.last else { break }
            last = end.id
            for entry in stored {
                let document = entry.document
                let line = Line(
                    bytes: document.text.utf8.count,
                    chunks: try database.chunks(ofDocument: entry.id).map {
                        .init(start: $0.startByte, end: $0.endByte, tokens: $0.tokens, page: $0.page, headings: $0.headings)
                    },
                    date: document.date, format: document.format, kind: document.kind, name: document.name, pages: document.pages,
                    tags: document.tags, title: document.title)
                try lines.write(contentsOf: Data((ChunkDatabase.json(line) + "\n").utf8))
                try texts.write(contentsOf: Data(document.text.utf8))
            }
        }
        return files + [directory.appendingPathComponent(CollectionFolder.vectors)]
    }

    /// Builds a collection from its plain form, as a build from documents does, but for cutting and embedding.
    ///
    /// - Parameters:
    ///   - folder: whose files were checked; what they say is held against their lengths all the same.
    ///   - fingerprint: see `CollectionIndex.fingerprint`.
    /// - Throws: `KnowledgeError.indexDamaged` where the files do not belong together; errors of the file system and SQLite.
    public static func build(_ folder: URL, into directory: URL, fingerprint: String) throws -> CollectionSummary {
        let name = directory.lastPathComponent
        func damaged(_ reason: String) -> KnowledgeError { .indexDamaged(collection: name, reason: reason) }
        let facts: Facts
        do { facts = try JSONDecoder().decode(Facts.self, from: Data(contentsOf: folder.appendingPathComponent(Self.facts))) } catch let error
            as DecodingError
        { throw damaged("\(Self.facts): \(error)") }
        guard VectorLayout.dimensions.contains(facts.embedder.dimension) else {
            throw damaged("its vectors have \(facts.embedder.dimension) dimensions")
        }
        let build = try UnfinishedBuild.open(
            directory, fingerprint: fingerprint, embedder: facts.embedder, settings: facts.settings, whenBusy: .refuse)
        do {
            try insert(folder, into: build.database, damaged)
            let summary = try build.database.finishChunking(embedder: facts.embedder, problems: [], changes: nil)
            guard summary.chunks > 0 else { throw damaged("it holds no documents") }
            let vectors = try VectorFile(folder, collection: name, layout: VectorLayout.floats)
            guard vectors.layout.dimension == facts.embedder.dimension, vectors.count == summary.chunks else {
                throw damaged("there are \(summary.chunks) chunks and \(vectors.count) vectors of \(vectors.layout.dimension) dimensions")
            }
            for start in stride(from: 0, to: summary.chunks, by: rows) {
                try Task.checkCancellation()
                let part = start..<min(summary.chunks, start + rows)
                let values = vectors.floats(part)
                try EmbeddingBatch(count: part.count, dimension: facts.embedder.dimension, values: values)
                    .validate(count: part.count, identity: facts.embedder)
                try build.vectors.append(values)
            }
            try build.database.recordEmbedded(summary.chunks, reused: 0)
            try build.publish(as: directory, chunks: summary.chunks)
        } catch {
            build.abandon()
            if let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL { throw KnowledgeError.diskFull(what: name) }
            throw error
        }
        return try CollectionIndex.open(directory).summary
    }

    private static func insert(_ folder: URL, into database: ChunkDatabase, _ damaged: (String) -> KnowledgeError) throws {
        var lines = try LineReader(url: folder.appendingPathComponent(documents), maxLineBytes: maxLineBytes)
        let texts = try FileHandle(forReadingFrom: folder.appendingPathComponent(Self.texts))
        defer { try? texts.close() }
        let decoder = JSONDecoder()
        var waiting: [(Document, [Chunk])] = []
        var (bytes, number) = (0, 0)
        while let next = try lines.next() {
            number += 1
            guard case .content(let content) = next, let line = try? decoder.decode(Line.self, from: Data(content)) else {
                throw damaged("\(documents), line \(number) cannot be read")
            }
            guard (1...maxTextBytes).contains(line.bytes), let data = try texts.read(upToCount: line.bytes), data.count == line.bytes,
                let text = String(validating: data, as: UTF8.self)
            else { throw damaged("the text of document \(number) is not there, or no text") }
            let document = Document(
                name: line.name, text: text, format: line.format, title: line.title, tags: line.tags, date: line.date, kind: line.kind,
                pages: line.pages)
            guard let chunks = chunks(of: document, line.chunks, data) else { throw damaged("the chunks of document \(number) are not of its text") }
            waiting.append((document, chunks))
            bytes += line.bytes
            guard waiting.count >= group || bytes >= groupBytes else { continue }
            try Task.checkCancellation()
            try database.insert(waiting)
            (waiting, bytes) = ([], 0)
        }
        try database.insert(waiting)
    }

    /// Nil where one is no whole piece of the text.
    private static func chunks(of document: Document, _ pieces: [Line.Piece], _ text: Data) -> [Chunk]? {
        // As the chunker tells pieces apart whose content is the same.
        var seen: [String: Int] = [:]
        var chunks: [Chunk] = []
        for piece in pieces {
            guard piece.start >= 0, piece.start < piece.end, piece.end <= text.count, (0...Int(Int32.max)).contains(piece.tokens),
                let content = String(validating: text[text.startIndex + piece.start..<text.startIndex + piece.end], as: UTF8.self)
            else { return nil }
            let first = Chunk.makeID(document: document.name, headings: piece.headings, text: content, repetition: 0)
            let repetition = seen[first, default: 0]
            seen[first] = repetition + 1
            chunks.append(
                Chunk(
                    id: repetition == 0
                        ? first : Chunk.makeID(document: document.name, headings: piece.headings, text: content, repetition: repetition),
                    document: document.name, title: document.title, headings: piece.headings, text: content, startByte: piece.start,
                    endByte: piece.end, tokens: piece.tokens, page: piece.page))
        }
        return chunks.isEmpty ? nil : chunks
    }
}
