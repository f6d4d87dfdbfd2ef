import Domain
import Foundation
import Knowledge
import Testing

/// One contract for every place where vectors may lie.
@Suite("Vector indexes", .serialized)
struct VectorIndexTests {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case embedded
        case chroma
        var testDescription: String { rawValue }
        static var here: [Kind] { allCases.filter { $0 == .embedded || ChromaServer.isInstalled } }
    }

    private func with(_ kind: Kind, _ body: (URL, (_ name: String, _ dimension: Int) async throws -> any VectorIndex) async throws -> Void)
        async throws
    {
        try await withTemporaryFolder { folder in
            switch kind {
            case .embedded: try await body(folder) { try EmbeddedVectorIndex(folder.appendingPathComponent($0), dimension: $1) }
            case .chroma:
                try await ChromaServer.with(folder) { exchange in
                    try await body(folder) {
                        try await ChromaVectorIndex(exchange, name: ChromaVectorIndex.name(user: "usr", collection: $0, version: 1), dimension: $1)
                    }
                }
            }
        }
    }

    private static func entries(_ count: Int, dimension: Int = 16, seed: UInt64 = 1) -> [VectorEntry] {
        var vectors = RandomVectors(dimension, seed: seed)
        return vectors.many(count).enumerated().map { number, vector in
            VectorEntry(
                id: "chunk-\(number)", vector: vector, document: "doc \(number % 7).md", tags: number % 2 == 0 ? ["even", "a 'tag'"] : ["odd"],
                date: number % 5 == 0 ? nil : CalendarDate("2024-0\(1 + number % 9)-10"), kind: number % 3 == 0 ? "pdf" : "html")
        }
    }

    private static func cosine(_ first: [Float], _ second: [Float]) -> Double { zip(first, second).reduce(0) { $0 + Double($1.0) * Double($1.1) } }

    @Test(arguments: Kind.here) func `what is added is found, exactly what the filter lets through`(kind: Kind) async throws {
        try await with(kind) { _, open in
            let index = try await open("filtered", 16)
            let entries = Self.entries(300)
            try await index.add(Array(entries[..<100]))
            try await index.add(Array(entries[100...]))
            #expect(try await index.count() == 300)
            let query = entries[42].vector
            let filters: [DocumentFilter?] = [
                nil, .init(), .init(documents: ["doc 3.md", "doc 4.md"]), .init(documents: []), .init(tagsAny: ["odd", "none"]),
                .init(tagsAll: ["even", "a 'tag'"]), .init(tagsAll: ["even", "odd"]), .init(from: CalendarDate("2024-04-01")),
                .init(to: CalendarDate("2024-05-10")),
                .init(documents: ["doc 1.md"], tagsAny: ["even"], from: CalendarDate("2024-02-01"), kinds: ["pdf"]),
            ]
            for filter in filters {
                let expected = entries.filter { filter?.matches(name: $0.document, tags: $0.tags, date: $0.date, kind: $0.kind) ?? true }
                    .map { (id: $0.id, score: Self.cosine($0.vector, query)) }.sorted { $0.score > $1.score }.prefix(10)
                let hits = try await index.query(query, limit: 10, filter: filter)
                #expect(hits.count == expected.count, "\(String(describing: filter))")
                for (hit, wanted) in zip(hits, expected) {
                    #expect(abs(hit.score - wanted.score) < 1e-4)
                    #expect(abs(Self.cosine(entries.first { $0.id == hit.id }!.vector, query) - hit.score) < 1e-4)
                }
            }
            #expect(try await index.query(query, limit: 0, filter: nil).isEmpty)
        }
    }

    @Test(arguments: Kind.here) func `the same id replaces, deletion deletes`(kind: Kind) async throws {
        try await with(kind) { _, open in
            let index = try await open("changed", 16)
            let entries = Self.entries(60)
            try await index.add(entries)
            var moved = entries[0]
            moved.vector = RandomVectors.normalised(entries[0].vector.map { -$0 })
            moved.tags = ["moved"]
            try await index.add([entries[0], moved])
            #expect(try await index.count() == 60)
            #expect(try await index.query(moved.vector, limit: 1, filter: .init(tagsAny: ["moved"])).map(\.id) == [moved.id])
            #expect(abs(try await index.query(moved.vector, limit: 1, filter: nil)[0].score - 1) < 1e-4)
            try await index.delete(ids: [moved.id, "never"])
            #expect(try await index.count() == 59)
            #expect(try await !index.query(moved.vector, limit: 60, filter: nil).map(\.id).contains(moved.id))
            try await index.delete(matching: .init(tagsAny: ["odd"]))
            let left = entries.filter { $0.tags.contains("even") && $0.id != moved.id }.map(\.id)
            #expect(try await Set(index.query(moved.vector, limit: 100, filter: nil).map(\.id)) == Set(left))
            try await index.delete(matching: .init(documents: []))
            #expect(try await index.count() == left.count)
            try await index.delete(matching: .init())
            #expect(try await index.count() == 0)
            #expect(try await index.query(moved.vector, limit: 5, filter: nil).isEmpty)
            try await index.add(entries)
            #expect(try await index.count() == 60)
        }
    }

    @Test(arguments: Kind.here) func `indexes do not see each other, and wrong vectors are refused`(kind: Kind) async throws {
        try await with(kind) { _, open in
            let entries = Self.entries(20)
            do {
                let mine = try await open("mine", 16)
                let other = try await open("other", 16)
                try await mine.add(entries)
                #expect(try await other.query(entries[0].vector, limit: 5, filter: nil).isEmpty)
                for vector in [[Float](repeating: 0.5, count: 4), []] {
                    let error = await #expect(throws: KnowledgeError.self) {
                        try await mine.add([VectorEntry(id: "x", vector: vector, document: "d")])
                    }
                    #expect(error?.code == "vectors_invalid")
                    await #expect(throws: KnowledgeError.self) { try await mine.query(vector, limit: 1, filter: nil) }
                }
                try await other.destroy()
            }
            // What was written is there when it is opened again; with another dimension it is refused.
            #expect(try await open("mine", 16).count() == 20)
            await #expect(throws: KnowledgeError.self) { try await open("mine", 8) }
        }
    }

    @Test(arguments: Kind.here) func `a collection searched through an index answers as with its own files`(kind: Kind) async throws {
        try await with(kind) { folder, open in
            let source = try folder.write("corpus.jsonl", corpus(documents: 60))
            let directory = folder.appendingPathComponent("v1")
            _ = try await build([source], into: directory, settings: .init(maxTokens: 30, overlapTokens: 0))
            let collection = try CollectionIndex.open(directory)
            let index = try await open("collection", collection.summary.embedder.dimension)
            try await collection.load(into: index)
            #expect(try await index.count() == collection.summary.chunks)
            for filter in [nil, DocumentFilter(documents: ["d3", "d9", "d12"])] {
                let options = SearchOptions(k: 10, strategy: .dense, filter: filter)
                let own = try await collection.search("river stone", embedder: HashingEmbedder(), options: options)
                let through = try await collection.search("river stone", embedder: HashingEmbedder(), vectorIndex: index, options: options)
                #expect(own.passages.count == 10 && through.passages.count == 10)
                for (first, second) in zip(own.passages, through.passages) { #expect(abs(first.signals[0].score - second.signals[0].score) < 1e-4) }
            }
            // A server that is gone costs the dense half, not the answer.
            try await index.destroy()
            let reply = try await collection.search("river stone", embedder: HashingEmbedder(), vectorIndex: index)
            #expect(reply.strategy == .lexical && reply.degraded?.contains("words only") == true && !reply.passages.isEmpty)
        }
    }

    @Test(arguments: [1, 3, 31, 48, 384, 1000, 3072]) func `the scan equals brute force`(dimension: Int) async throws {
        try await withTemporaryFolder { folder in
            var random = RandomVectors(dimension, seed: UInt64(dimension))
            let vectors = random.many(dimension > 500 ? 700 : 5000)
            let index = try EmbeddedVectorIndex(folder.appendingPathComponent("v"), dimension: dimension)
            try await index.add(vectors.enumerated().map { VectorEntry(id: "\($0.offset)", vector: $0.element, document: "d\($0.offset % 3)") })
            for query in [random.one(), vectors[3], RandomVectors.normalised((0..<dimension).map { $0 == 0 ? 1 : 1e-6 })] {
                for filter in [nil, DocumentFilter(documents: ["d1", "d2"])] {
                    let scores = vectors.enumerated().filter { filter == nil || $0.offset % 3 > 0 }
                        .map { (id: $0.offset, score: Self.cosine($0.element, query)) }.sorted { $0.score > $1.score }
                    for limit in [1, 10, 100, 20_000] {
                        let hits = try await index.query(query, limit: limit, filter: filter)
                        #expect(hits.count == min(limit, scores.count))
                        // The same scores in the same order: no neighbour is missed. Ids may differ among equals.
                        #expect(zip(hits, scores).allSatisfy { abs($0.score - $1.score) < 1e-5 })
                    }
                }
            }
        }
    }

    @Test func `a killed writer leaves no torn index and deleted vectors leave no bytes`() async throws {
        try await withTemporaryFolder { folder in
            let home = folder.appendingPathComponent("v")
            let entries = Self.entries(50)
            do {
                let index = try EmbeddedVectorIndex(home, dimension: 16)
                try await index.add(entries)
                #expect(throws: KnowledgeError.buildBusy(collection: "v")) { try EmbeddedVectorIndex(home, dimension: 16) }
            }
            // Rows that were written when the power went.
            for file in ["vectors.f32", "vectors.i8"] {
                let handle = try FileHandle(forUpdating: home.appendingPathComponent(file))
                try handle.seekToEnd()
                try handle.write(contentsOf: Data(repeating: 9, count: 777))
                try handle.close()
            }
            let index = try EmbeddedVectorIndex(home, dimension: 16)
            #expect(try await index.query(entries[7].vector, limit: 1, filter: nil).map(\.id) == ["chunk-7"])
            let bytes = entries[7].vector.withUnsafeBytes { Data($0) }
            func holds() throws -> Bool { try Data(contentsOf: home.appendingPathComponent("vectors.f32")).range(of: bytes) != nil }
            #expect(try holds())
            try await index.delete(ids: ["chunk-7"])
            #expect(try !holds())
            try await index.destroy()
            #expect(!FileManager.default.fileExists(atPath: home.path))
        }
    }

    @Test func `what a vector server says wrong is told`() async throws {
        struct Wrong: HTTPExchange {
            var status = 200
            var text: String
            func send(method: String, path: String, body: Data?) async throws -> (status: Int, body: Data) { (status, Data(text.utf8)) }
        }
        for (exchange, part) in [
            (Wrong(status: 404, text: "{\"error\":\"NotFound\",\"message\":\"no such path\"}"), "404 to GET /api/v2/pre-flight-checks: no such path"),
            (Wrong(status: 502, text: "<html>"), "502"), (Wrong(text: "hello"), "not what API v2 promises"),
        ] {
            let error = await #expect(throws: KnowledgeError.self) { try await ChromaVectorIndex(exchange, name: "abc", dimension: 3) }
            #expect(error?.code == "vector_server" && error?.message.contains(part) == true)
        }
    }
}
