import Calls
import Domain
import Store

/// What each arm costs, in time and money, and what the voice leaves of the meaning.
struct CommonMeasures: Sendable {
    let bootstrap: Bootstrap

    func costs(_ results: ArmResults) -> [EvaluationMetric] {
        results.arms.flatMap { arm -> [EvaluationMetric] in
            let answers = results.answered(arm).map(\.answer)
            let times = answers.map(\.milliseconds)
            let known = answers.compactMap(\.cost)
            let cost =
                known.count == answers.count
                ? EvaluationMetric.mean(.cost, arm, known, unit: "usd", bootstrap)
                : EvaluationMetric(.cost, arm, value: nil, n: answers.count, unit: "usd")
            return [
                .quantile(.latency, arm, times, 0.5, unit: "ms", bootstrap), .quantile(.latencyP95, arm, times, 0.95, unit: "ms", bootstrap), cost,
            ].compactMap { $0 }
        }
    }

    /// How much of the answers the local model has put into the voice.
    func restyled(_ results: ArmResults) -> [EvaluationMetric] {
        results.arms.compactMap { arm in
            let pairs = results.answered(arm).compactMap(\.answer.restyled).map { (Double($0.count { $0 }), Double($0.count)) }
            return .ratio(.restyledShare, arm, pairs, unit: "share", bootstrap)
        }
    }

    /// Cosine of each answer in the voice and the same answer without: what restyling was given, or what the
    /// knowledge arm (the base, where there is none) said.
    func similarity(_ results: ArmResults, _ embedder: EngineEmbedder) async throws -> [EvaluationMetric] {
        let plainArm: EvaluationArm = results.arms.contains(.knowledge) ? .knowledge : .base
        var metrics: [EvaluationMetric] = []
        for arm in results.arms where arm.hasVoice {
            var cosines: [Double] = []
            for place in results.questions.indices {
                guard let answer = results[arm, place], let plain = answer.plain ?? results[plainArm, place]?.text, !plain.isEmpty,
                    !answer.text.isEmpty
                else { continue }
                cosines.append(try await Cosine.of(plain, [answer.text], embedder)[0])
            }
            if let metric = EvaluationMetric.mean(.meaningSimilarity, arm, cosines, unit: "cosine", bootstrap) { metrics.append(metric) }
        }
        return metrics
    }
}
