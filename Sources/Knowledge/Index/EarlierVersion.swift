import Domain
import Foundation
import GRDB

/// The version an update starts from.
struct EarlierVersion: Sendable {
    let index: CollectionIndex
    let strategy: CollectionUpdate.Strategy
    /// Whether its chunks are what cutting its documents again would give.
    private let sameCut: Bool
    /// Its vectors where the same texts would get the same ones; nil where another model reads them.
    private let vectors: VectorFiles?

    init(_ update: CollectionUpdate, embedder: EmbedderIdentity, settings: ChunkingSettings) throws {
        index = try CollectionIndex.open(update.previous)
        strategy = update.strategy
        let same = index.summary.embedder == embedder
        sameCut = try same && index.database.get(.settings) == ChunkDatabase.json(settings)
        vectors = same ? try index.vectors(count: index.summary.chunks) : nil
    }

    /// What a new document becomes beside those that stay.
    enum Place {
        case added
        /// It is there already.
        case present
        /// The name belongs to another document that stays.
        case taken
    }

    func place(of document: Document) throws -> Place {
        switch strategy {
        case .replaceAll: return .added
        case .append: return try place(of: document, outside: nil)
        case .replace(let filter): return try place(of: document, outside: filter)
        case .merge:
            // Under its own name it is taken anew: its tags may have changed, its vectors are copied.
            if try index.database.sha256(of: document.name, outside: nil) != nil { return .added }
            return try index.database.hasContent(document.sha256) ? .present : .added
        }
    }

    private func place(of document: Document, outside filter: DocumentFilter?) throws -> Place {
        guard let other = try index.database.sha256(of: document.name, outside: filter) else { return .added }
        return other == document.sha256 ? .present : .taken
    }

    /// Carries over what stays and is not in `target` yet, a group of documents at a time.
    func copy(into target: ChunkDatabase, chunker: Chunker, onGroup: (Int) -> Void) async throws {
        let filter: DocumentFilter?
        switch strategy {
        case .replaceAll: return
        case .append, .merge: filter = nil
        case .replace(let matching): filter = matching
        }
        var last = 0
        while true {
            try Task.checkCancellation()
            let group = try index.database.stored(after: last, limit: 64, filter: filter)
            guard let end = group.last else { return }
            last = end.id
            // Names in the target are those of new documents, which win, or of an attempt before this one.
            let kept = try group.filter { try !$0.matches && !target.hasDocument($0.document.name) }
            let chunks =
                sameCut ? try kept.map { try index.database.chunks(ofDocument: $0.id) } : try await chunker.chunk(kept.map(\.document))
            try target.insert(zip(kept.map(\.document), chunks).filter { !$1.isEmpty })
            onGroup(kept.count)
        }
    }

    /// The vectors of chunks with the same id and title, by id.
    func vectors(of chunks: [(id: String, title: String)]) throws -> [String: [Float]] {
        guard let vectors else { return [:] }
        let known = try index.database.numbers(of: chunks).filter { (1..<vectors.count + 1).contains($0.value) }
        return known.mapValues { vectors.floats.floats($0 - 1..<$0) }
    }

    /// Compares names and contents of the two versions.
    func changes(to target: ChunkDatabase) throws -> CollectionChanges {
        var changes = CollectionChanges(documentsAdded: 0, documentsReplaced: 0, documentsRemoved: 0, documentsKept: 0)
        var offset = 0
        while true {
            let page = try index.database.documents(limit: 1000, offset: offset)
            guard !page.isEmpty else { break }
            offset += page.count
            for document in page {
                switch try target.sha256(of: document.name, outside: nil) {
                case nil: changes.documentsRemoved += 1
                case document.sha256: changes.documentsKept += 1
                default: changes.documentsReplaced += 1
                }
            }
        }
        let total = try target.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM documents")! }
        changes.documentsAdded = total - changes.documentsKept - changes.documentsReplaced
        return changes
    }
}
