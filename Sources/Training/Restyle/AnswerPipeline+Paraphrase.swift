import Answers
import Calls
import Domain
import Foundation
import Providers
import Store

extension AnswerPipeline {
    /// Who makes a paraphrase, as its cache and a release name it.
    func paraphraser(_ minion: Minion, _ config: TrainingConfig) -> Paraphraser {
        let isLocal = router.registry[minion.provider]?.info.isManaged ?? false
        return isLocal || config.restyleParaphraser == .base ? .base : .external(provider: minion.provider, model: minion.modelID)
    }

    /// Says a text again in plain prose.
    /// - Returns: the text, empty where it was cut off; what it cost in US dollars, null where the price is unknown.
    /// - Throws: ``LimitExceeded``, ``RouterError``; `CancellationError`. What was used until then is on record.
    func paraphrase(_ text: String, _ minion: Minion, by paraphraser: Paraphraser) async throws -> (text: String, cost: Double?) {
        let selection = try await catalog.selection(for: minion)
        let router = (selection.map(router.with) ?? router).patient
        let estimate = Paraphraser.estimate(bytes: text.utf8.count)
        var resolved = RouteResolver.Resolved()
        if paraphraser != .base {
            resolved = try await RouteResolver(store: store, registry: router.registry).resolve(minion)
            // Who it was is written down, so no fallback makes it.
            resolved.routes.removeAll { $0.group != 0 }
        }
        let admission = try await meter.admit(
            user: minion.userID, minion: minion.id, routes: resolved.routes, usage: estimate, prices: selection?.prices ?? catalog.prices,
            purpose: Paraphraser.purpose)
        let ledger = AttemptLedger(admission)
        defer { meter.settle(admission, ledger.records(minionID: minion.id, answerID: nil)) }
        let request = ChatRequest(
            model: "", messages: [ChatMessage(.user, Paraphraser.prompt(text))],
            sampling: Sampling(temperature: 0, maxTokens: estimate.output), stream: false)
        let reply: ChatReply
        switch paraphraser {
        case .base:
            reply = try await LocalLease.run(server, voice: nil, scale: 0) { lease, _, _ in
                try await router.complete(request, routes: [RouteResolver.local(lease, for: minion.userID, scale: 0, decoding: .rewriting)]) {
                    ledger.add($0, purpose: Paraphraser.purpose)
                }
            }
        case .external:
            let routes = try resolved.usable(minion)
            reply = try await router.complete(request, routes: routes, spread: minion.pipeline.spread, gate: meter.gate(admission)) {
                ledger.add($0, purpose: Paraphraser.purpose)
            }
        }
        let isWhole = reply.finish == .stop
        return (isWhole ? reply.text.trimmingCharacters(in: .whitespacesAndNewlines) : "", TokenTotals(ledger.attempts).cost)
    }
}
