import Domain
import Releases
import Store

/// What the adapter does to the voice.
struct VoiceMeasures: Sendable {
    let replies: HeldOutReplies
    let losses: HeldOutLosses?
    /// The minion's own model is the local one: what the adapter says alone is then the voice arm's answer, not a draft.
    let answersLocally: Bool
    let bootstrap: Bootstrap

    func perplexity() -> [EvaluationMetric] {
        guard let losses, !losses.examples.isEmpty else { return [] }
        return [(EvaluationArm.base, { $0.base }), (.voice, { $0.adapter })].compactMap { arm, loss -> EvaluationMetric? in
            guard let value = losses.perplexity(loss) else { return nil }
            let interval = bootstrap.interval(losses.examples.count) { losses.perplexity(loss, $0) }
            return EvaluationMetric(
                .perplexity, arm, value: value, low: interval?.lowerBound, high: interval?.upperBound, n: losses.examples.count, unit: "perplexity")
        }
    }

    func style(_ results: ArmResults) -> (metrics: [EvaluationMetric], notes: [String]) {
        let base = results.answered(.base).map(\.answer.text)
        let scorer: StyleScorer
        do {
            scorer = try StyleScorer(
                training: Array(replies.training.prefix(2000)), heldOut: Array(replies.heldOut.prefix(100)), others: OtherVoices.bundled + [base])
        } catch { return ([], ["The style score was not measured: \(error.reason)."]) }
        var metrics: [EvaluationMetric] = []
        var notes: [String] = []
        func measure(_ name: EvaluationMetric.Name, _ arm: EvaluationArm, _ texts: [String]) {
            guard let score = scorer.score(texts) else { return }
            let interval = scorer.interval(texts, bootstrap)
            metrics.append(
                EvaluationMetric(
                    name, arm, value: score.value, low: interval?.lowerBound, high: interval?.upperBound, n: score.texts, unit: "score"))
        }
        for arm in results.arms { measure(.styleScore, arm, results.answered(arm).map(\.answer.text)) }
        // What the voice is worth by itself: what an answer then lacks was lost on the way.
        for arm in results.arms { measure(.draftStyleScore, arm, results.answered(arm).compactMap(\.answer.draft)) }
        for arm in results.arms where arm.hasVoice && (arm != .voice || !answersLocally) {
            guard let metric = retention(arm, results, scorer) else {
                notes.append(
                    "Style retention of \(arm.rawValue) is undefined: the drafts are not surely nearer to the user's style than base, or there are none."
                )
                continue
            }
            metrics.append(metric)
        }
        return (metrics, notes)
    }

    private func retention(_ arm: EvaluationArm, _ results: ArmResults, _ scorer: StyleScorer) -> EvaluationMetric? {
        // A restyled answer has no draft of its own; what the adapter says to the same question stands in.
        func draft(_ place: Int) -> String? {
            if answersLocally { return results[.voice, place]?.text }
            return results[arm, place]?.draft ?? results[.hybridDraftFirst, place]?.draft ?? results[.voice, place]?.draft
        }
        let triples = results.questions.indices.compactMap { place -> (final: String, draft: String, base: String)? in
            guard let final = results[arm, place]?.text, let draft = draft(place), let base = results[.base, place]?.text else { return nil }
            return (final, draft, base)
        }
        guard
            let kept = scorer.retention(
                final: triples.map(\.final), draft: triples.map(\.draft), base: triples.map(\.base), bootstrap)
        else { return nil }
        return EvaluationMetric(
            .styleRetention, arm, value: kept.value, low: kept.interval?.lowerBound, high: kept.interval?.upperBound, n: kept.texts, unit: "share")
    }
}
