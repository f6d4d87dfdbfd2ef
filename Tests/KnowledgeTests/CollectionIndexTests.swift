import Domain
import Foundation
import Knowledge
import Testing

@Suite("Searching collections")
struct CollectionIndexTests {
    private struct Down: Error {}

    private struct Failing: Embedder {
        var identity = HashingEmbedder().identity
        func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch { throw Down() }
        func tokenCounts(_ texts: [String]) async throws -> [Int] { throw Down() }
    }

    private func withIndex(_ files: [String: String], _ body: (CollectionIndex) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let sources = folder.appendingPathComponent("sources")
            for (name, text) in files { try sources.write(name, text) }
            let directory = folder.appendingPathComponent("v1")
            _ = try await build([sources], into: directory)
            try await body(CollectionIndex.open(directory))
        }
    }

    private static let files = [
        "returns.md": "# Returns\n\n## Deadline\n\nGoods may be sent back within thirty days.\n\n## Cost\n\nWe pay the postage.",
        "shipping.md": "# Shipping\n\nParcels leave on weekdays. Delivery takes five days.",
        "naïve.txt": "Résumé of a naïve café: crème brûlée.",
        "hamlet.txt": "To be, or not to be.",
    ]

    @Test func `a passage says where it is from and why it was found`() async throws {
        try await withIndex(Self.files) { index in
            let reply = try await index.search("When must goods be sent back?", embedder: HashingEmbedder())
            let best = try #require(reply.passages.first)
            #expect(best.document == "returns.md" && best.headings == ["Returns", "Deadline"])
            let text = Array(Self.files["returns.md"]!.utf8)
            #expect(String(decoding: text[best.startByte..<best.endByte], as: UTF8.self) == best.text)
            #expect(Set(best.signals.map(\.name)) == ["dense", "lexical"])
            #expect(best.signals.allSatisfy { $0.rank == 1 })
            #expect(abs(best.score - 2.0 / 61) < 1e-12)
            let cosine = try #require(best.signals.first { $0.name == "dense" }).score
            #expect(cosine > 0 && cosine <= 1.0001)
            #expect(try #require(best.signals.first { $0.name == "lexical" }).score > 0)
            #expect(reply.chunksSearched == index.summary.chunks && reply.documentsSearched == 4)
            #expect(reply.strategy == .hybrid && reply.degraded == nil && reply.milliseconds > 0)
        }
    }

    @Test func `headings and title are searchable, case, stem and accents are not in the way`() async throws {
        try await withIndex(Self.files) { index in
            for (query, document) in [
                ("DEADLINES", "returns.md"), ("shipped", "shipping.md"), ("resume cafes", "naïve.txt"), ("brûlée", "naïve.txt"),
                ("is it to be or not", "hamlet.txt"),
            ] {
                let reply = try await index.search(query, embedder: HashingEmbedder(), options: .init(strategy: .lexical))
                #expect(reply.passages.first?.document == document, "\(query)")
                #expect(reply.passages.allSatisfy { $0.signals.map(\.name) == ["lexical"] })
            }
        }
    }

    @Test func `no text is read as query syntax`() async throws {
        try await withIndex(Self.files) { index in
            let hostile = [
                "\"", "goods\" OR", "NEAR(goods, 2)", "title:goods", "goods*", "^goods", "goods AND NOT", "(((", "a\0b goods",
                "goods -- ; DROP TABLE chunks",
                String(repeating: "goods deadline \u{1F600} ", count: 5000), (0..<3000).map { "w\($0)" }.joined(separator: " "),
            ]
            for query in hostile { _ = try await index.search(query, embedder: HashingEmbedder()) }
            #expect(try await index.search("goods\" OR", embedder: HashingEmbedder(), options: .init(strategy: .lexical)).passages.count == 1)
        }
    }

    @Test func `only punctuation has no lexical hits and blank finds nothing`() async throws {
        try await withIndex(Self.files) { index in
            let lexical = try await index.search("?! — ...", embedder: HashingEmbedder(), options: .init(strategy: .lexical))
            #expect(lexical.passages.isEmpty && lexical.degraded == nil)
            let hybrid = try await index.search("?!", embedder: HashingEmbedder())
            #expect(hybrid.passages.allSatisfy { $0.signals.map(\.name) == ["dense"] })
            #expect(try await index.search(" \n", embedder: HashingEmbedder()).passages.isEmpty)
        }
    }

    @Test func `without an embedder the search goes on with words and says so`() async throws {
        try await withIndex(Self.files) { index in
            for strategy in [SearchStrategy.hybrid, .dense] {
                let reply = try await index.search("goods", embedder: Failing(), options: .init(strategy: strategy))
                #expect(reply.passages.first?.document == "returns.md")
                #expect(reply.strategy == .lexical)
                #expect(reply.degraded?.contains("Down") == true)
            }
            var other = HashingEmbedder()
            other.identity.model = "another"
            let reply = try await index.search("goods", embedder: other)
            #expect(reply.degraded?.contains("another") == true && reply.degraded?.contains("hashing") == true)
            #expect(try await index.search("goods", embedder: Failing(), options: .init(strategy: .lexical)).degraded == nil)
        }
    }

    @Test func `every option changes the answer`() async throws {
        let files = Dictionary(
            uniqueKeysWithValues: (0..<40).map {
                ("n\($0).txt", "word\($0 % 7) shared text \($0) river \(String(repeating: "stone ", count: $0 % 5))")
            })
        try await withIndex(files) { index in
            func order(_ options: SearchOptions) async throws -> [String] {
                try await index.search("river stone word3", embedder: HashingEmbedder(), options: options).passages.map(\.document)
            }
            let base = try await order(.init(k: 40))
            #expect(try await order(.init(k: 3)) == Array(base.prefix(3)))
            #expect(try await order(.init(k: 0)).count == 1)
            #expect(try await order(.init(k: 40, strategy: .dense)) == order(.init(k: 40, lexicalWeight: 0)))
            #expect(try await order(.init(k: 5, strategy: .lexical)) == order(.init(k: 5, denseWeight: 0)))
            #expect(try await order(.init(k: 40, strategy: .dense)) != order(.init(k: 40, strategy: .lexical)))
            let flat = try await index.search("river stone", embedder: HashingEmbedder(), options: .init(rrfK: 1000)).passages[0].score
            let steep = try await index.search("river stone", embedder: HashingEmbedder(), options: .init(rrfK: 0)).passages[0].score
            #expect(steep > flat)
            let few = try await index.search("river", embedder: HashingEmbedder(), options: .init(k: 2, candidates: 2))
            #expect(few.passages.flatMap(\.signals).allSatisfy { $0.rank <= 2 })
        }
    }

    @Test func `two collections never see each other`() async throws {
        try await withTemporaryFolder { folder in
            var indexes: [CollectionIndex] = []
            for (user, secret) in [("ann", "saffron"), ("bob", "cobalt")] {
                let source = try folder.write("\(user)/in/secret.md", "The password is \(secret).")
                let directory = folder.appendingPathComponent("\(user)/v1")
                _ = try await build([source], into: directory)
                indexes.append(try CollectionIndex.open(directory))
            }
            for strategy in SearchStrategy.allCases {
                let options = SearchOptions(k: 50, strategy: strategy)
                for (index, own, foreign) in [(indexes[0], "saffron", "cobalt"), (indexes[1], "cobalt", "saffron")] {
                    let texts = try await index.search("password \(foreign)", embedder: HashingEmbedder(), options: options).passages.map(\.text)
                    #expect(texts.allSatisfy { $0.contains(own) && !$0.contains(foreign) })
                }
            }
        }
    }

    @Test func `damage is refused with what to do`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 20))
            func damaged(_ name: String, _ damage: (URL) throws -> Void) async throws {
                let directory = folder.appendingPathComponent(name)
                _ = try await build([source], into: directory)
                try damage(directory)
                let error = #expect(throws: KnowledgeError.self, "\(name)") { try CollectionIndex.open(directory) }
                #expect(error?.code == "index_damaged" && error?.hint.contains("again") == true, "\(name)")
                #expect(error.map { !$0.description.contains(folder.path) } == true)
            }
            func edit(_ file: URL, _ change: (inout Data) -> Void) throws {
                var data = try Data(contentsOf: file)
                change(&data)
                try data.write(to: file)
            }
            try await damaged("cut") { try edit($0.appendingPathComponent("vectors.f32")) { $0.removeLast(5) } }
            try await damaged("header") { try edit($0.appendingPathComponent("vectors.f32")) { $0[0] = 0 } }
            try await damaged("count") { try edit($0.appendingPathComponent("vectors.f32")) { $0[16] = 3 } }
            try await damaged("row") {
                try edit($0.appendingPathComponent("vectors.f32")) {
                    $0[16] -= 1
                    $0.removeLast(48 * 4)
                }
            }
            try await damaged("dimension") {
                try edit($0.appendingPathComponent("vectors.f32")) {
                    $0[12] = 24
                    $0[16] *= 2
                }
            }
            try await damaged("no vectors") { try FileManager.default.removeItem(at: $0.appendingPathComponent("vectors.f32")) }
            try await damaged("no chunks") { try FileManager.default.removeItem(at: $0.appendingPathComponent("chunks.sqlite")) }
            try await damaged("not a database") { try Data("hello".utf8).write(to: $0.appendingPathComponent("chunks.sqlite")) }
            #expect(throws: KnowledgeError.self) { try CollectionIndex.open(folder.appendingPathComponent("never")) }
        }
    }

    @Test func `searches may run at the same time`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 200))
            let directory = folder.appendingPathComponent("v1")
            _ = try await build([source], into: directory)
            let index = try CollectionIndex.open(directory)
            let expected = try await index.search("river stone", embedder: HashingEmbedder()).passages
            try await withThrowingTaskGroup(of: [Passage].self) { group in
                for _ in 0..<32 { group.addTask { try await index.search("river stone", embedder: HashingEmbedder()).passages } }
                for try await passages in group { #expect(passages == expected) }
            }
        }
    }

    @Test func `JSON has snake case keys and options may be partial`() throws {
        let options = try JSONDecoder().decode(SearchOptions.self, from: Data(#"{"k":3,"dense_weight":0.5}"#.utf8))
        #expect(options == SearchOptions(k: 3, denseWeight: 0.5))
        let reply = SearchReply(
            passages: [Passage(chunkID: "c", document: "d", title: "t", headings: [], text: "x", startByte: 0, endByte: 1, score: 1, signals: [])],
            strategy: .hybrid, chunksSearched: 1, documentsSearched: 1, milliseconds: 1, degraded: "why")
        let json = String(decoding: try JSONEncoder().encode(reply), as: UTF8.self)
        for key in ["chunk_id", "start_byte", "end_byte", "chunks_searched", "documents_searched"] { #expect(json.contains("\"\(key)\"")) }
        #expect(try JSONDecoder().decode(SearchReply.self, from: Data(json.utf8)) == reply)
    }
}
