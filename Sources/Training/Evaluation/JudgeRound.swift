import Domain
import Store

/// One arm against base, question by question, before a judge.
struct JudgeRound: Sendable {
    let judge: PairwiseJudge
    let minion: Minion
    /// Replies of the training split. The held-out reply is not shown: it is in no prompt.
    let samples: [String]
    let deadline: ContinuousClock.Instant

    /// What it may come to, in both orders.
    func estimate(_ arm: EvaluationArm, _ results: ArmResults) async throws -> (calls: Int, cost: Double?) {
        let asked = pairs(arm, results).map { PairwiseJudge.question($0.arm, $0.base, $0.question, samples, $0.facts) }
        let once = try await judge.answers.cost(minion.bare(judge.judge), asked)
        return (asked.count * 2, once.map { 2 * $0 })
    }

    /// 1 for each pair won, 0.5 for a tie, 0 for one lost.
    func run(_ arm: EvaluationArm, _ results: ArmResults) async throws -> (wins: [Double], notes: [String]) {
        var wins: [Double] = []
        var without = 0
        for pair in pairs(arm, results) {
            guard ContinuousClock.now < deadline else { return (wins, ["The time was up after \(wins.count) pairs before the judge."]) }
            do {
                switch try await judge.compare(pair.arm, pair.base, question: pair.question, samples: samples, facts: pair.facts, minion) {
                case .first: wins.append(1)
                case .second: wins.append(0)
                case .tie: wins.append(0.5)
                case nil: without += 1
                }
            } catch is CancellationError { throw CancellationError() } catch {
                return (wins, ["The judge was given up: \(error)"])
            }
        }
        return (wins, without == 0 ? [] : ["\(without) replies of the judge held no verdict and do not count."])
    }

    private func pairs(_ arm: EvaluationArm, _ results: ArmResults) -> [(question: String, arm: String, base: String, facts: [String])] {
        results.questions.indices.compactMap { place in
            guard let own = results[arm, place], let base = results[.base, place] else { return nil }
            let question = results.questions[place]
            let facts = question.fact.map { [$0] } ?? (question.kind == .knowledge ? own.passages.prefix(2).map(\.text) : [])
            return (question.text, own.text, base.text, facts)
        }
    }
}
