import Domain
import Knowledge
import Store

/// What the collection does to the facts.
struct KnowledgeMeasures: Sendable {
    let grounding: Grounding
    let bootstrap: Bootstrap

    /// - Parameter found: of each question with sources, in any order.
    func retrieval(_ found: [RetrievalCheck.Found]) -> [EvaluationMetric] {
        [
            EvaluationMetric.mean(.ndcg, .knowledge, found.map(\.ndcg), unit: "score", bootstrap),
            EvaluationMetric.mean(.mrr, .knowledge, found.map(\.reciprocalRank), unit: "score", bootstrap),
        ].compactMap { $0 }
    }

    func answers(_ results: ArmResults) async throws -> [EvaluationMetric] {
        var metrics: [EvaluationMetric?] = []
        for arm in results.arms {
            let asked = results.answered(arm, .knowledge)
            if arm.hasPassages {
                let hits = asked.filter { !$0.question.sources.isEmpty }.map { question, answer in
                    answer.passages.contains { question.relevance(of: $0.document) > 0 } ? 1.0 : 0
                }
                metrics.append(.mean(.hitRate, arm, hits, unit: "share", bootstrap))
                let citations = asked.map { Grounding.citations($0.answer, fact: $0.question.fact) }
                metrics.append(
                    .ratio(.citationCorrectness, arm, citations.map { (Double($0.right), Double($0.of)) }, unit: "share", bootstrap))
            }
            let facts = asked.compactMap { question, answer in
                question.fact.map { Claims.phrase(answer.text).contains(Claims.phrase($0)) ? 1.0 : 0 }
            }
            metrics.append(.mean(.factRate, arm, facts, unit: "share", bootstrap))
            metrics.append(try await groundedness(arm, results))
        }
        return metrics.compactMap { $0 }
    }

    /// Of every arm against the same passages, those found for the question: what the model says without them is
    /// measured by what the documents say.
    private func groundedness(_ arm: EvaluationArm, _ results: ArmResults) async throws -> EvaluationMetric? {
        var pairs: [(part: Double, whole: Double)] = []
        for place in results.questions.indices where results.questions[place].kind == .knowledge {
            guard let answer = results[arm, place] else { continue }
            let passages = answer.passages.isEmpty ? results[.knowledge, place]?.passages ?? [] : answer.passages
            guard !passages.isEmpty else { continue }
            let claims = try await grounding.run(answer.text, passages: passages)
            pairs.append((Double(claims.supported), Double(claims.of)))
        }
        return .ratio(.groundedness, arm, pairs, unit: "share", bootstrap)
    }
}
