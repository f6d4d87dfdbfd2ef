import Answers
import Calls
import Domain
import Foundation
import Providers
import Store

extension AnswerPipeline {
    /// Who makes a paraphrase, as its cache and a release name it.
    func paraphraser(_ minion: Minion, _ config: TrainingConfig) -> Paraphraser {
        let isLocal = isManaged(minion.provider)
        return isLocal || config.restyleParaphraser == .base ? .base : .external(provider: minion.provider, model: minion.modelID)
    }

    /// Says a text again in plain prose.
    /// - Returns: the text, empty where it was cut off; what it cost in US dollars, null where the price is unknown.
    /// - Throws: ``LimitExceeded``, ``RouterError``; `CancellationError`. What was used until then is on record.
    func paraphrase(_ text: String, _ minion: Minion, by paraphraser: Paraphraser) async throws -> (text: String, cost: Double?) {
        let estimate = Paraphraser.estimate(bytes: text.utf8.count)
        var targets = CallTargets(resolved: .init(), selection: nil)
        if paraphraser != .base {
            targets = try await caller.targets(of: minion)
            // Who it was is written down, so no fallback makes it.
            targets.resolved.routes.removeAll { $0.group != 0 }
            targets.resolved.locals = []
        }
        let calls = try await caller.open(
            targets, user: minion.userID, minion: minion.id, usage: estimate, purpose: Paraphraser.purpose, patience: .background)
        let request = ChatRequest(
            model: "", messages: [ChatMessage(.user, Paraphraser.prompt(text))],
            sampling: Sampling(temperature: 0, maxTokens: estimate.output), stream: false)
        let resolved = targets.resolved
        let reply = try await calls.recording {
            guard paraphraser == .base else {
                return try await calls.complete(request, routes: resolved.usable(minion), spread: minion.pipeline.spread)
            }
            return try await LocalLease.run(server, voice: nil, scale: 0) { lease, _, _ in
                let route = try RouteResolver.local(lease, for: minion.userID, scale: 0, decoding: .rewriting)
                return try await calls.complete(request, routes: [route], spread: .weighted)
            }
        }
        let isWhole = reply.finish == .stop
        return (isWhole ? reply.text.trimmingCharacters(in: .whitespacesAndNewlines) : "", TokenTotals(calls.ledger.attempts).cost)
    }
}
