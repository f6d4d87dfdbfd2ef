import Calls
import Foundation
import Logging
import Providers
import Store

/// Counts what becomes of the requests of a trial, and does what the figures say.
struct CanaryWatch: Sendable {
    let store: Store
    let logger: Logger

    /// Runs one request of a trial. Its count is kept before this returns, so that the next request is answered by
    /// whatever the trial came to.
    /// - Parameter isGood: whether the release did its part; nil where the reply says nothing of it.
    func run<T: Sendable>(_ trial: CanaryTrial, isGood: (T) -> Bool?, _ body: () async throws -> T) async throws -> T {
        guard let canary = trial.canary, let arm = trial.arm else { return try await body() }
        let start = ContinuousClock().now
        func note(failed: Bool) async {
            let milliseconds = (ContinuousClock().now - start) / .milliseconds(1)
            // In a task of its own: a client that left has cancelled this one.
            await Task { await self.note(canary, trial.minion, arm, failed: failed, milliseconds: milliseconds) }.value
        }
        do {
            let reply = try await body()
            if let good = isGood(reply) { await note(failed: !good) }
            return reply
        } catch {
            // What the client or a budget ended says nothing of the release.
            if !(error is CancellationError), !(error is LimitExceeded) { await note(failed: true) }
            throw error
        }
    }

    private func note(_ canary: Canary, _ minion: Minion, _ arm: CanaryArm, failed: Bool, milliseconds: Double) async {
        do {
            // What the figures decide is nobody's doing, whoever asks the question that tips them.
            let verdict = try await AuditActor.$current.withValue(nil) {
                try await store.user(minion.userID).observe(canary, minionID: minion.id, arm: arm, failed: failed, milliseconds: milliseconds)
            }
            switch verdict {
            case .rollBack(let reason): logger.notice("the trial of \(canary.releaseID) ended, the release is rejected: \(reason)")
            case .promote(let reason): logger.notice("the trial of \(canary.releaseID) ended, the release is promoted: \(reason)")
            case .goOn, nil: break
            }
        } catch { logger.error("a request of a trial was not counted: \(error)") }
    }
}

extension Answer {
    /// Whether the release did its part: its adapter and its collection were there. Nil for an answer that was made before.
    var releaseDidItsPart: Bool? {
        if cached == true { return nil }
        return degraded.allSatisfy { $0.lacks == nil }
    }
}
