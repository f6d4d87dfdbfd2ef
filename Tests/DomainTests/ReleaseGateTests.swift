import Testing

@testable import Domain

@Suite struct ReleaseGateTests {
    private func loss(_ base: Double?, _ voice: Double?) -> ReleaseEvaluation {
        var evaluation = ReleaseEvaluation()
        evaluation.baseValidationLoss = base
        evaluation.validationLoss = voice
        return evaluation
    }

    private let automatic = ReleasePolicy(mode: .automatic, metric: "validation_loss", margin: 0.1)

    @Test func theCandidateIsHeldAgainstTheActiveReleaseByTheMargin() {
        let active = (number: 3, evaluation: loss(4.8, 4.3))
        let better = ReleaseGate.decide(automatic, candidate: loss(4.8, 4.1), active: active)
        #expect(better.passes)
        #expect(better.reason == "validation_loss of voice is 4.1 against 4.3 of release 3: better by 0.2, surely by 0.2; the margin is 0.1")
        #expect(!ReleaseGate.decide(automatic, candidate: loss(4.8, 4.25), active: active).passes, "better, but not by the margin")
        let worse = ReleaseGate.decide(automatic, candidate: loss(4.8, 4.5), active: active)
        #expect(!worse.passes && worse.reason.contains("worse by 0.2"))
    }

    @Test func withoutAnActiveReleaseItIsHeldAgainstItsOwnBase() {
        #expect(ReleaseGate.decide(automatic, candidate: loss(4.8, 4.1), active: nil).passes)
        let same = ReleaseGate.decide(automatic, candidate: loss(4.15, 4.1), active: nil)
        #expect(!same.passes && same.reason.contains("of the base model"))
        let alone = ReleaseGate.decide(automatic, candidate: loss(nil, 4.1), active: nil)
        #expect(!alone.passes && alone.reason.contains("nothing to hold validation_loss against"))
    }

    @Test func theDirectionIsTheMetricsOrTheOneThatIsSaid() {
        var policy = automatic
        policy.better = .higher
        #expect(!ReleaseGate.decide(policy, candidate: loss(4.8, 4.1), active: nil).passes)
        #expect(ReleasePolicy.Direction.standard(of: "perplexity") == .lower)
        #expect(ReleasePolicy.Direction.standard(of: "style_score") == .higher)
        #expect(ReleasePolicy.Direction.standard(of: "latency_ms") == .lower)
    }

    @Test func theArmIsTheOneThatIsNamed() {
        var policy = automatic
        policy.arm = "base"
        let base = ReleaseGate.decide(policy, candidate: loss(4.0, 4.1), active: (1, loss(4.8, 4.1)))
        #expect(base.passes && base.reason.hasPrefix("validation_loss of base is 4.0"))
    }

    @Test func aMetricThatWasNotMeasuredLeavesACandidateAndSaysWhatWas() {
        let policy = ReleasePolicy(mode: .automatic, metric: "style_score", arm: "hybrid")
        let gate = ReleaseGate.decide(policy, candidate: loss(4.8, 4.1), active: nil)
        #expect(
            !gate.passes && gate.reason.contains("style_score of hybrid") && gate.reason.contains("validation_loss of base, validation_loss of voice")
        )
    }

    /// The intervals of both sides count: what may be chance is not surely better.
    @Test func intervalsAreConsidered() {
        func style(_ value: Double, _ reach: Double) -> ReleaseEvaluation {
            var evaluation = ReleaseEvaluation()
            evaluation.metrics = [
                .init(.styleScore, .base, value: 0.1, n: 20, unit: "score"),
                .init(.styleScore, .voice, value: value, low: value - reach, high: value + reach, n: 20, unit: "score"),
            ]
            return evaluation
        }
        let policy = ReleasePolicy(mode: .automatic, metric: "voice.style_score", margin: 0.05)
        // Better by 0.2; the joint reach of 0.03 and 0.04 is 0.05, of 0.12 and 0.16 it is 0.2.
        let sure = ReleaseGate.decide(policy, candidate: style(0.6, 0.03), active: (2, style(0.4, 0.04)))
        #expect(sure.passes && sure.reason.contains("0.6 [0.57, 0.63] against 0.4 [0.36, 0.44] of release 2: better by 0.2, surely by 0.15"))
        #expect(!ReleaseGate.decide(policy, candidate: style(0.6, 0.12), active: (2, style(0.4, 0.16))).passes)
        #expect(ReleaseGate.decide(policy, candidate: style(0.6, 0.12), active: nil).passes, "0.5 above the base")
        // A perplexity is better lower.
        var perplexity = ReleaseEvaluation()
        perplexity.metrics = [
            .init(.perplexity, .base, value: 90, n: 5, unit: "perplexity"),
            .init(.perplexity, .voice, value: 70, low: 60, high: 80, n: 5, unit: "perplexity"),
        ]
        #expect(ReleaseGate.decide(.init(mode: .automatic, metric: "voice.perplexity", margin: 5), candidate: perplexity, active: nil).passes)
        #expect(!ReleaseGate.decide(.init(mode: .automatic, metric: "voice.perplexity", margin: 15), candidate: perplexity, active: nil).passes)
    }

    @Test func theOtherPoliciesLookAtNothing() {
        #expect(ReleaseGate.decide(.init(), candidate: loss(1, 9), active: (1, loss(1, 1))).passes)
        #expect(!ReleaseGate.decide(.init(mode: .manual), candidate: loss(9, 1), active: nil).passes)
    }
}
