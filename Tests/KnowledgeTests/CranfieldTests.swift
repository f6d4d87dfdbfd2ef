import Foundation
import Knowledge
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
        }
    }
}
