import Foundation
import Knowledge
import Testing

@Suite("Retrieval measures")
struct RetrievalMetricsTests {
    @Test func `nDCG is trec_eval's`() {
        // Relevances 3, 0, 2 at ranks 1 to 3, an unseen 1: (3 + 2/2) / (3 + 2/log2(3) + 1/2).
        let judgements = ["a": 3, "b": 2, "c": 1, "x": 0]
        let value = RetrievalMetrics.ndcg(["a", "x", "b"], judgements: judgements)
        #expect(abs(value - 4 / (3 + 2 / log2(3.0) + 0.5)) < 1e-12)
        #expect(RetrievalMetrics.ndcg(["a", "b", "c"], judgements: judgements) == 1)
        #expect(RetrievalMetrics.ndcg(["x", "y"], judgements: judgements) == 0)
        #expect(RetrievalMetrics.ndcg([], judgements: [:]) == 0)
        #expect(RetrievalMetrics.ndcg(Array(repeating: "x", count: 10) + ["a"], judgements: judgements) == 0)
    }

    @Test func `recall and reciprocal rank`() {
        let judgements = ["a": 1, "b": 1, "x": 0]
        #expect(RetrievalMetrics.recall(["x", "a", "b"], judgements: judgements, cutoff: 2) == 0.5)
        #expect(RetrievalMetrics.reciprocalRank(["x", "a"], judgements: judgements) == 0.5)
        #expect(RetrievalMetrics.reciprocalRank(["x"], judgements: judgements) == 0)
    }

    @Test func `BEIR files are read and a bad line is named`() async throws {
        try await withTemporaryFolder { folder in
            let queries = try folder.write("queries.jsonl", "{\"_id\":\"1\",\"text\":\"q\"}\n\n{\"_id\":\"2\",\"text\":\"unjudged\"}\n")
            let qrels = try folder.write("qrels.tsv", "query-id\tcorpus-id\tscore\r\n1\td1\t2\r\n1\td2\t0\r\n")
            let judgements = try RetrievalJudgements(queries: queries, qrels: qrels)
            #expect(judgements.queries == [.init(id: "1", text: "q", judgements: ["d1": 2, "d2": 0])])
            let bad = try folder.write("bad.tsv", "query-id\tcorpus-id\tscore\n1\td1\thigh\n")
            let error = #expect(throws: KnowledgeError.self) { try RetrievalJudgements(queries: queries, qrels: bad) }
            guard case .evaluationUnreadable("bad.tsv", 2, _)? = error else {
                Issue.record("wrong error \(String(describing: error))")
                return
            }
        }
    }
}
