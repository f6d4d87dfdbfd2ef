import Calls
import Domain

/// A stage of an answer, as trace, telemetry and page name it.
protocol AnswerStage: Sendable {
    var name: String { get }
    /// Whether an answer by this plan has it.
    func applies(to plan: AnswerPlan) -> Bool
}

/// A stage that finds something for the prompt. It may fail without failing the answer.
protocol GatheringStage: AnswerStage {
    /// What its failure means for the answer.
    var effect: String { get }
    /// The half of the release that the answer is then without.
    var lacks: Degradation.Half? { get }
    /// Whether an answer that does not have it says so.
    var isToldWhereSkipped: Bool { get }

    /// - Returns: what it adds to the trace.
    func gather(_ context: AnswerContext) async throws -> @Sendable (inout Trace) -> Void
}

/// A stage between prompt and answer. It degrades by itself, or its failure is the answer's.
protocol MakingStage: AnswerStage {
    /// Whether its time is told.
    func isTold(in plan: AnswerPlan) -> Bool

    func run(_ context: AnswerContext, _ state: inout AnswerState) async throws
}

extension MakingStage {
    func isTold(in plan: AnswerPlan) -> Bool { true }
}

/// What became of a stage that may fail without failing the answer.
struct StageOutcome: Sendable {
    var timing: StageTiming
    var change: @Sendable (inout Trace) -> Void = { _ in }

    /// Runs a stage; only cancellation gets through.
    static func of(_ stage: any GatheringStage, _ context: AnswerContext) async throws -> StageOutcome {
        guard stage.applies(to: context.plan) else {
            return StageOutcome(timing: StageTiming(stage: stage.name, milliseconds: 0, status: "skipped"))
        }
        let start = ContinuousClock().now
        func timing(_ status: String) -> StageTiming { StageTiming(stage: stage.name, milliseconds: start.elapsedMilliseconds, status: status) }
        do {
            let change = try await stage.gather(context)
            return StageOutcome(timing: timing("ok"), change: change)
        } catch is CancellationError { throw CancellationError() } catch {
            let degraded = Degradation(stage: stage.name, reason: "\(error)", effect: stage.effect, lacks: stage.lacks)
            return StageOutcome(timing: timing("failed")) { $0.degraded.append(degraded) }
        }
    }
}
