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
    /// Where the minion's models are asked, but for those that this server runs.
    let resolved: RouteResolver.Resolved
    let calls: ModelCalls
    /// Waits until whoever reads the events has caught up.
    let emit: @Sendable (AnswerEvent) async -> Void
}

/// An answer as far as it is made.
struct AnswerState: Sendable {
    var trace: Trace
    var reply: ChatReply?
    /// The reply's text, where it is cited on its way to the client.
    var cited: CitedReply?
    /// Marks taken out of the reply before it was restyled.
    var removed: [String] = []
    var citations: [Citation] = []

    init(_ context: AnswerContext) {
        trace = Trace(answerID: context.id, minionID: context.minion.id)
        trace.order = context.plan.order
        trace.releaseID = context.materials.releaseID
        trace.releaseNumber = context.materials.releaseNumber
        trace.canaryArm = context.arm
    }

    /// Tells the client a piece of the reply, past what holds marks back.
    func tell(_ event: ChatEvent, _ context: AnswerContext) async {
        if let cited { await cited.pass(event) } else { await context.emit(.reply(event)) }
    }

    func answer(_ context: AnswerContext) -> Answer {
        var trace = trace
        trace.attempts = context.calls.ledger.attempts
        trace.tokens = TokenTotals(trace.attempts)
        return Answer(
            id: context.id, text: reply?.text ?? "", citations: citations, provider: reply?.provider ?? "", model: reply?.model ?? "",
            finishReason: reply?.finish ?? .other, toolCalls: reply?.toolCalls ?? [], reasoning: reply?.reasoning ?? "", degraded: trace.degraded,
            trace: trace)
    }
}

extension ContinuousClock.Instant {
    var elapsedMilliseconds: Double { (ContinuousClock().now - self) / .milliseconds(1) }
}
