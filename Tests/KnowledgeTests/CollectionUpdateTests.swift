import Foundation
import Knowledge
import Synchronization
import Testing

@Suite("Updating collections")
struct CollectionUpdateTests {
    private static let settings = ChunkingSettings(maxTokens: 24, overlapTokens: 4)

    /// A folder of documents, by name.
    private static func write(_ documents: [String: String], into folder: URL) throws -> DocumentSource {
        for (name, text) in documents { try folder.write(name, text) }
        return DocumentSource(folder)
    }

    private static func text(_ word: String) -> String {
        "# About \(word)\n\nThe \(word) is here.\n\n" + (0..<6).map { "Sentence \($0) of the \(word) with some words more." }.joined(separator: " ")
    }

    /// Version 1 holds a, b and c; each test says what comes next.
    private func withVersions(
        _ body: (URL, (_ sources: [DocumentSource], CollectionUpdate.Strategy, HashingEmbedder) async throws -> (CollectionIndex, embedded: Int))
            async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let first = folder.appendingPathComponent("v1")
            var source = try Self.write(
                ["a.md": Self.text("apple"), "b.md": Self.text("bread"), "c.md": Self.text("cheese")], into: folder.appendingPathComponent("one"))
            source.tags = ["old"]
            _ = try await CollectionBuilder(embedder: HashingEmbedder(), extractor: nil, settings: Self.settings)
                .build(sources: [source], into: first) { _ in }
            let next = Mutex(1)
            try await body(folder) { sources, strategy, embedder in
                let directory = folder.appendingPathComponent(
                    "v\(next.withLock { $0 += 1; return $0 })")
                let embedded = Mutex(0)
                var embedder = embedder
                embedder.beforeEmbedding = { count in embedded.withLock { $0 += count } }
                _ = try await CollectionBuilder(embedder: embedder, extractor: nil, settings: Self.settings)
                    .build(sources: sources, update: CollectionUpdate(previous: first, strategy: strategy), into: directory) { _ in }
                return (try CollectionIndex.open(directory), embedded.withLock { $0 })
            }
        }
    }

    /// What is in a version, and that searching finds exactly that.
    private func check(_ index: CollectionIndex, holds names: [String]) async throws {
        #expect(try index.documents().map(\.name).sorted() == names)
        let all = try await index.search("words sentence here", embedder: HashingEmbedder(), options: .init(k: 500, candidates: 500))
        #expect(Set(all.passages.map(\.document)) == Set(names))
        #expect(all.passages.count == index.summary.chunks && all.chunksEmbedded == all.chunksTotal)
    }

    @Test func `append keeps everything and embeds what is new`() async throws {
        try await withVersions { folder, update in
            let two = try Self.write(
                ["a.md": Self.text("anchor"), "b.md": Self.text("bread"), "d.md": Self.text("dates")], into: folder.appendingPathComponent("two"))
            let (index, embedded) = try await update([two], .append, HashingEmbedder())
            try await check(index, holds: ["a.md", "a.md (2)", "b.md", "c.md", "d.md"])
            #expect(index.summary.problems.map(\.code).sorted() == ["duplicate_document", "duplicate_name"])
            let changes = try #require(index.summary.changes)
            #expect((changes.documentsAdded, changes.documentsKept, changes.documentsReplaced, changes.documentsRemoved) == (2, 3, 0, 0))
            #expect(changes.chunksEmbedded == embedded && changes.chunksReused + embedded == index.summary.chunks)
            let new = try index.documents().filter { ["a.md (2)", "d.md"].contains($0.name) }.reduce(0) { $0 + $1.chunks }
            #expect(embedded == new)
            #expect(try index.documents().filter { $0.tags == ["old"] }.count == 3)
        }
    }

    @Test func `replace all drops the rest and still copies the vectors of what comes again`() async throws {
        try await withVersions { folder, update in
            let two = try Self.write(["b.md": Self.text("bread"), "d.md": Self.text("dates")], into: folder.appendingPathComponent("two"))
            let (index, embedded) = try await update([two], .replaceAll, HashingEmbedder())
            try await check(index, holds: ["b.md", "d.md"])
            #expect(try embedded == index.documents().first { $0.name == "d.md" }?.chunks)
            let changes = try #require(index.summary.changes)
            #expect((changes.documentsAdded, changes.documentsKept, changes.documentsRemoved) == (1, 1, 2))
        }
    }

    @Test func `merge goes by content`() async throws {
        try await withVersions { folder, update in
            let changed = Self.text("bread") + "\n\n## More\n\nA paragraph that was added."
            let two = try Self.write(
                ["b.md": changed, "renamed.md": Self.text("cheese"), "d.md": Self.text("dates")], into: folder.appendingPathComponent("two"))
            let (index, embedded) = try await update([two], .merge, HashingEmbedder())
            // The cheese is there under its first name; the bread has its new text once.
            try await check(index, holds: ["a.md", "b.md", "c.md", "d.md"])
            let added = try await index.search("paragraph added", embedder: HashingEmbedder(), options: .init(k: 1, strategy: .lexical))
            #expect(added.passages.first?.document == "b.md")
            #expect(try embedded == index.documents().first { $0.name == "d.md" }!.chunks + 1, "only the new document and the new paragraph")
            let changes = try #require(index.summary.changes)
            #expect((changes.documentsAdded, changes.documentsKept, changes.documentsReplaced, changes.documentsRemoved) == (1, 2, 1, 0))
        }
    }

    @Test func `a filter decides what is replaced or deleted`() async throws {
        try await withVersions { folder, update in
            let two = try Self.write(["a.md": Self.text("anchor")], into: folder.appendingPathComponent("two"))
            let (replaced, embedded) = try await update([two], .replace(matching: .init(documents: ["a.md", "b.md"])), HashingEmbedder())
            try await check(replaced, holds: ["a.md", "c.md"])
            #expect(try embedded <= replaced.documents().first { $0.name == "a.md" }!.chunks)
            let (deleted, none) = try await update([], .replace(matching: .init(documents: ["c.md"])), HashingEmbedder())
            try await check(deleted, holds: ["a.md", "b.md"])
            #expect(none == 0)
            let (kept, nothing) = try await update([], .replace(matching: .init(tagsAny: ["new"])), HashingEmbedder())
            try await check(kept, holds: ["a.md", "b.md", "c.md"])
            #expect(nothing == 0)
            let error = await #expect(throws: KnowledgeError.self) {
                try await update([], .replace(matching: .init(tagsAll: ["old"])), HashingEmbedder())
            }
            #expect(error?.code == "nothing_left")
        }
    }

    @Test func `deleted text is in no byte of the new version`() async throws {
        try await withVersions { folder, update in
            let (index, _) = try await update([], .replace(matching: .init(documents: ["c.md"])), HashingEmbedder())
            #expect(index.summary.documents == 2)
            for (version, expected) in [("v1", true), ("v2", false)] {
                let directory = folder.appendingPathComponent(version)
                let found = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil).contains {
                    try Data(contentsOf: $0).range(of: Data("The cheese is here".utf8)) != nil
                }
                #expect(found == expected, "\(version)")
            }
        }
    }

    @Test func `a version made by updates answers like one built at once`() async throws {
        try await withVersions { folder, update in
            let two = try Self.write(["d.md": Self.text("dates"), "e.md": Self.text("eggs")], into: folder.appendingPathComponent("two"))
            let (updated, _) = try await update([two], .append, HashingEmbedder())
            let whole = folder.appendingPathComponent("whole")
            _ = try await CollectionBuilder(embedder: HashingEmbedder(), extractor: nil, settings: Self.settings)
                .build(sources: [two, DocumentSource(folder.appendingPathComponent("one"))], into: whole) { _ in }
            let index = try CollectionIndex.open(whole)
            for query in ["the bread", "dates and eggs", "sentence 3"] {
                for strategy in SearchStrategy.allCases {
                    let options = SearchOptions(k: 20, strategy: strategy)
                    let replies = try await [
                        updated.search(query, embedder: HashingEmbedder(), options: options),
                        index.search(query, embedder: HashingEmbedder(), options: options),
                    ]
                    #expect(replies[0].passages == replies[1].passages)
                }
            }
        }
    }

    @Test func `another embedder or other settings begin anew beside the old version`() async throws {
        try await withVersions { folder, update in
            var other = HashingEmbedder()
            other.identity = EmbedderIdentity(model: "other", dimension: 32, maxTokens: 512)
            let (index, embedded) = try await update([], .append, other)
            #expect(embedded == index.summary.chunks && index.summary.embedder == other.identity)
            #expect(try index.documents().map(\.name) == ["a.md", "b.md", "c.md"])
            let reply = try await index.search("bread", embedder: other)
            #expect(reply.passages.first?.document == "b.md" && reply.degraded == nil)
            // The old one still answers.
            let old = try CollectionIndex.open(folder.appendingPathComponent("v1"))
            #expect(try await old.search("bread", embedder: HashingEmbedder()).degraded == nil)
            // Other settings cut the kept text again.
            let finer = folder.appendingPathComponent("finer")
            let summary = try await CollectionBuilder(embedder: HashingEmbedder(), extractor: nil, settings: .init(maxTokens: 16, overlapTokens: 0))
                .build(sources: [], update: .init(previous: folder.appendingPathComponent("v1"), strategy: .append), into: finer) { _ in }
            #expect(summary.chunks > old.summary.chunks && summary.documents == 3)
        }
    }
}
