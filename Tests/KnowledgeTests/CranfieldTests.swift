import Domain
import Foundation
import Knowledge
import Synchronization
import Testing

/// Quality and speed with the real model. Reference with the same model and plain fusion: lexical 0.508,
/// dense 0.540, hybrid 0.561.
@Suite("Cranfield", .serialized)
struct CranfieldTests {
    @Test(
        .enabled("needs the Python environment, the embedding model and the Cranfield files") {
            EngineFiles.found != nil && TestFiles.hasCranfield
        })
    func `hybrid search is as good as it should be`() async throws {
        let embedder = try EngineEmbedder(engine: #require(EngineFiles.found))
        try await withTemporaryFolder { folder in
            let directory = folder.appendingPathComponent("v1")
            let start = ContinuousClock.now
            let summary = try await build([TestFiles.cranfield.appendingPathComponent("corpus.jsonl")], into: directory, embedder: embedder)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            print("Cranfield: \(summary.documents) documents, \(summary.chunks) chunks, \(Double(summary.chunks) / seconds) chunks/s")

            let judgements = try RetrievalJudgements(
                queries: TestFiles.cranfield.appendingPathComponent("queries.jsonl"), qrels: TestFiles.cranfield.appendingPathComponent("qrels.tsv"))
            let index = try CollectionIndex.open(directory)
            let reports = try await RetrievalEvaluator(judgements: judgements).evaluate(index, embedder: embedder)
            for report in reports { print("Cranfield: \(report)") }
            #expect(reports.allSatisfy { $0.degraded == 0 && $0.queries == 225 })
            let ndcg = Dictionary(uniqueKeysWithValues: reports.map { ($0.strategy, $0.ndcgAt10) })
            #expect(try #require(ndcg[.hybrid]) >= 0.55)
            #expect(try #require(ndcg[.dense]) >= 0.52)
            #expect(try #require(ndcg[.lexical]) >= 0.48)
            try await sketches(index, queries: Array(embedder.embed(judgements.queries.prefix(25).map(\.text), kind: .query).values), folder)
        }
    }

    /// Real vectors, and copies with noise so that there are enough for sketches: found is what brute force finds.
    private func sketches(_ collection: CollectionIndex, queries: [Float], _ folder: URL) async throws {
        let real = Collected()
        try await collection.load(into: real)
        var random = RandomVectors(384, seed: 8)
        let vectors = real.vectors.withLock { real in
            (0..<5000).map { row in
                let vector = real[row % real.count]
                return row < real.count ? vector : RandomVectors.normalised(zip(vector, random.one()).map { $0 + 0.3 * $1 })
            }
        }
        let index = try EmbeddedVectorIndex(folder.appendingPathComponent("copies"), dimension: 384)
        try await index.add(vectors.enumerated().map { VectorEntry(id: "\($0.offset)", vector: $0.element, document: "d") })
        var found = 0
        for start in stride(from: 0, to: queries.count, by: 384) {
            let query = Array(queries[start..<start + 384])
            let scores = vectors.map { zip($0, query).reduce(Float(0)) { $0 + $1.0 * $1.1 } }.sorted(by: >)
            let hits = try await index.query(query, limit: 100, filter: nil)
            #expect(hits.count == 100)
            found += hits.count { $0.score >= Double(scores[99]) - 1e-6 }
        }
        #expect(found == queries.count / 384 * 100)
    }

    private final class Collected: VectorIndex {
        let vectors = Mutex<[[Float]]>([])
        func add(_ entries: [VectorEntry]) async throws { vectors.withLock { $0 += entries.map(\.vector) } }
        func query(_ vector: [Float], limit: Int, filter: DocumentFilter?) async throws -> [VectorHit] { [] }
        func delete(ids: [String]) async throws {}
        func delete(matching filter: DocumentFilter) async throws {}
        func count() async throws -> Int { 0 }
        func destroy() async throws {}
    }
}
