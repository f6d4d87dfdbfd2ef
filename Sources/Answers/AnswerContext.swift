import Calls
import Domain
import Foundation
import Providers
import Store

/// One answer on its way: what every stage of it may read, and where it tells what it does.
struct AnswerContext: Sendable {
    let id: String
    /// With the release that answers this question.
    let minion: Minion
    /// While a release is on trial: whether it answers.
    let arm: CanaryArm?
    let question: Question
    let materials: AnswerMaterials
    let plan: AnswerPlan
    /// With the user's own providers.
    let router: Router
    let ledger: AttemptLedger
    let admission: Admission
    var emit: @Sendable (AnswerEvent) -> Void
    /// Waits until whoever reads the events has caught up.
    let room: @Sendable () async -> Void

    /// Whether a provider is run by this server.
    func isManaged(_ provider: String) -> Bool { router.registry[provider]?.info.isManaged ?? false }
}

/// What became of a stage that may fail without failing the answer.
struct StageOutcome<T: Sendable>: Sendable {
    var timing: StageTiming
    var value: T?
    var failure: String?

    /// Runs a stage; only cancellation gets through.
    static func of(_ stage: String, if applies: Bool, _ body: @Sendable () async throws -> T) async throws -> StageOutcome {
        guard applies else { return StageOutcome(timing: StageTiming(stage: stage, milliseconds: 0, status: "skipped")) }
        let start = ContinuousClock().now
        do {
            let value = try await body()
            return StageOutcome(timing: StageTiming(stage: stage, milliseconds: start.elapsedMilliseconds, status: "ok"), value: value)
        } catch is CancellationError { throw CancellationError() } catch {
            return StageOutcome(timing: StageTiming(stage: stage, milliseconds: start.elapsedMilliseconds, status: "failed"), failure: "\(error)")
        }
    }
}

extension Trace {
    /// Takes over how a stage went.
    /// - Parameters:
    ///   - effect: what its failure means for the answer.
    ///   - lacks: the half of the release that the answer is then without.
    mutating func note<T>(_ outcome: StageOutcome<T>, _ emit: (AnswerEvent) -> Void, effect: String, lacks: Degradation.Half? = nil) {
        stages.append(outcome.timing)
        emit(.stage(outcome.timing))
        if let failure = outcome.failure {
            degraded.append(Degradation(stage: outcome.timing.stage, reason: failure, effect: effect, lacks: lacks))
        }
    }

    mutating func stage(_ name: String, since start: ContinuousClock.Instant, _ emit: (AnswerEvent) -> Void) {
        let timing = StageTiming(stage: name, milliseconds: start.elapsedMilliseconds, status: "ok")
        stages.append(timing)
        emit(.stage(timing))
    }
}

extension ContinuousClock.Instant {
    var elapsedMilliseconds: Double { (ContinuousClock().now - self) / .milliseconds(1) }
}
