import Foundation
import Providers
import Store
import Synchronization

/// Collects every upstream call of one answer, from whichever stage made it, and counts it.
package final class AttemptLedger: Sendable {
    private let entries = Mutex<[(attempt: Attempt, purpose: String)]>([])

    private let telemetry = RequestTelemetry.current
    private let admission: Admission?

    /// - Parameter admission: what the calls are reserved on; nil where they cost nobody anything.
    package init(_ admission: Admission?) {
        self.admission = admission
        telemetry?.answers()
    }

    package func add(_ attempt: Attempt, purpose: String) {
        entries.withLock { $0.append((attempt, purpose)) }
        admission?.note(attempt)
        telemetry?.observe(attempt, purpose: purpose)
    }

    package var attempts: [Attempt] { entries.withLock { $0.map(\.attempt) } }

    /// - Parameter purpose: in place of the stages' own.
    package func records(minionID: String?, answerID: String?, purpose whole: String? = nil) -> [UsageRecord] {
        entries.withLock { entries in
            // What was not sent used nothing.
            entries.filter(\.attempt.wasSent).map { attempt, purpose in
                UsageRecord(
                    minionID: minionID, answerID: answerID, keyID: attempt.keyID, purpose: whole ?? purpose, provider: attempt.provider,
                    model: attempt.model,
                    at: attempt.startedAt, inputTokens: attempt.usage?.input, outputTokens: attempt.usage?.output,
                    cachedTokens: attempt.usage?.cachedInput, cacheWriteTokens: attempt.usage?.cacheWrite, reasoningTokens: attempt.usage?.reasoning,
                    isEstimate: attempt.usage?.isEstimate ?? false, cost: attempt.cost,
                    latencyMilliseconds: attempt.milliseconds, firstTokenMilliseconds: attempt.firstTokenMilliseconds, outcome: attempt.outcome)
            }
        }
    }
}
