import Calls
import Domain
import LocalModels
import Providers
import Store
import Synchronization

/// Sends the prompt along the minion's routes, or to its voice alone.
struct AnswerStage: Sendable {
    let store: Store
    let server: AdapterServer
    let meter: Meter

    /// Tokens of an answer where neither question nor minion says; direct mode leaves it to the vendor.
    static let defaultMaxTokens = 512

    /// - Parameter holdsText: whether the text is not for the client yet.
    /// - Returns: the reply, and what went worse than asked.
    /// - Throws: ``RouterError``; `CancellationError`.
    func run(_ prompt: [ChatMessage], _ context: AnswerContext, holdsText: Bool) async throws -> (ChatReply, [Degradation]) {
        let (minion, plan) = (context.minion, context.plan)
        let isLocal = plan.answersInVoice || ([minion.provider] + minion.fallbacks.map(\.provider)).contains { context.isManaged($0) }
        guard isLocal else { return try await answer(prompt, context, holdsText, Turn()) }
        let hasSpoken = Atomic(false)
        return try await LocalLease.run(
            server, voice: context.materials.voice, scale: plan.localScale, isSilent: { !hasSpoken.load(ordering: .relaxed) }
        ) { lease, degraded, deaths in
            try await answer(prompt, context, holdsText, Turn(lease: lease, degraded: degraded, isAgain: deaths > 0)) {
                hasSpoken.store(true, ordering: .relaxed)
            }
        }
    }

    /// One try, on one local server.
    private struct Turn: Sendable {
        var lease: AdapterServer.Lease?
        var degraded: [Degradation] = []
        /// The local server died in the last one, behind all others.
        var isAgain = false
    }

    private func answer(
        _ prompt: [ChatMessage], _ context: AnswerContext, _ holdsText: Bool, _ turn: Turn, onSpeech: @Sendable () -> Void = {}
    ) async throws -> (ChatReply, [Degradation]) {
        let (minion, plan) = (context.minion, context.plan)
        var degraded = turn.degraded
        if plan.answersInVoice, context.materials.voice == nil {
            degraded.append(
                Degradation(
                    stage: "answer", reason: "the minion has no adapter", effect: "answered by the base model without the voice", lacks: .voice))
        }
        var resolved = try await routes(context, turn.lease)
        if turn.isAgain { resolved.routes.removeAll { !context.isManaged($0.provider) } }
        for left in resolved.left {
            degraded.append(Degradation(stage: "answer", reason: left.description, effect: "this provider was left out"))
        }
        guard !resolved.routes.isEmpty else {
            throw RouterError(
                attempts: [], last: resolved.left.first ?? ProviderError(.unsupported, provider: minion.provider, message: "no provider"))
        }
        let ledger = context.ledger
        let stream = context.router.chat(
            context.question.request(prompt, sampling(context)), routes: resolved.routes, spread: minion.pipeline.spread,
            gate: meter.gate(context.admission, answerID: context.id)
        ) {
            ledger.add($0, purpose: "answer")
        }
        var collector = ReplyCollector()
        for try await event in stream.events {
            if event.isToken, !holdsText { onSpeech() }
            switch event {
            case .text(let text): if !holdsText { context.emit(.text(text)) }
            case .reasoning(let text): if !holdsText { context.emit(.reasoning(text)) }
            case .toolCall(let index, let id, let name, let arguments):
                if !holdsText { context.emit(.toolCall(index: index, id: id, name: name, arguments: arguments)) }
            case .model, .usage, .finish, .failed: break
            }
            collector.add(event)
            if !holdsText { await context.room() }
        }
        try Task.checkCancellation()
        for attempt in stream.attempts where attempt.outcome != Attempt.ok {
            degraded.append(
                Degradation(
                    stage: "answer", reason: "\(attempt.provider)/\(attempt.model): \(attempt.message ?? attempt.outcome)",
                    effect: "tried again or with the next provider"))
        }
        let reply = collector.reply(attempts: stream.attempts)
        // What was held back and is not restyled.
        if holdsText {
            if !reply.reasoning.isEmpty { context.emit(.reasoning(reply.reasoning)) }
            for (index, call) in reply.toolCalls.enumerated() {
                context.emit(.toolCall(index: index, id: call.id, name: call.name, arguments: call.arguments))
            }
        }
        return (reply, degraded)
    }

    private func routes(_ context: AnswerContext, _ lease: AdapterServer.Lease?) async throws -> RouteResolver.Resolved {
        guard context.plan.answersInVoice else {
            return try await RouteResolver(store: store, registry: context.router.registry)
                .resolve(context.minion, lease: lease, scale: context.plan.localScale)
        }
        var resolved = RouteResolver.Resolved()
        do { resolved.routes = [try RouteResolver.local(lease, for: context.minion.userID, scale: context.plan.localScale)] } catch {
            resolved.left = [error]
        }
        return resolved
    }

    /// What the question leaves open is the minion's.
    private func sampling(_ context: AnswerContext) -> Sampling {
        var sampling = context.question.sampling.over(context.minion.sampling)
        sampling.maxTokens = sampling.maxTokens ?? (context.plan.form == .direct ? context.admission.longestReply : Self.defaultMaxTokens)
        return sampling
    }
}
