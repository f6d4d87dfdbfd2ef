import Calls
import Domain
import LocalModels
import Providers
import Store
import Synchronization

/// Sends the prompt along the minion's routes, or to its voice alone.
struct ModelStage: MakingStage {
    let server: AdapterServer

    /// Tokens of an answer where neither question nor minion says; direct mode leaves it to the vendor.
    static let defaultMaxTokens = 512

    var name: String { "answer" }
    func applies(to plan: AnswerPlan) -> Bool { true }

    /// - Throws: ``RouterError``; `CancellationError`.
    func run(_ context: AnswerContext, _ state: inout AnswerState) async throws {
        state.cited = CiteStage.begin(context, state.trace.passages)
        let before = state
        let (reply, degraded) = try await leased(context) { turn, onSpeech in try await ask(context, before, turn, onSpeech) }
        state.reply = reply
        state.trace.degraded += degraded
    }

    /// One try, on one local server.
    private struct Turn: Sendable {
        var resolved: RouteResolver.Resolved
        var degraded: [Degradation] = []
    }

    /// Gives `body` the routes, those of a local server for as long as it is leased.
    private func leased(
        _ context: AnswerContext, _ body: @Sendable (Turn, _ onSpeech: @Sendable () -> Void) async throws -> (ChatReply, [Degradation])
    ) async throws -> (ChatReply, [Degradation]) {
        let (minion, plan) = (context.minion, context.plan)
        guard plan.answersInVoice || context.resolved.isLocalToo else { return try await body(Turn(resolved: context.resolved)) {} }
        let hasSpoken = Atomic(false)
        return try await LocalLease.run(
            server, voice: context.materials.voice, scale: plan.localScale, isSilent: { !hasSpoken.load(ordering: .relaxed) }
        ) { lease, degraded, deaths in
            // The others were asked before the local server died.
            var wanted = plan.answersInVoice ? RouteResolver.Resolved(locals: [0]) : context.resolved
            if deaths > 0 { wanted.routes = [] }
            let turn = Turn(resolved: wanted.leased(lease, for: minion.userID, scale: plan.localScale), degraded: degraded)
            return try await body(turn) { hasSpoken.store(true, ordering: .relaxed) }
        }
    }

    private func ask(
        _ context: AnswerContext, _ state: AnswerState, _ turn: Turn, _ onSpeech: @Sendable () -> Void
    ) async throws -> (ChatReply, [Degradation]) {
        let (minion, plan) = (context.minion, context.plan)
        var degraded = turn.degraded
        if plan.answersInVoice, context.materials.voice == nil {
            degraded.append(
                Degradation(
                    stage: name, reason: "the minion has no adapter", effect: "answered by the base model without the voice", lacks: .voice))
        }
        for left in turn.resolved.left {
            degraded.append(Degradation(stage: name, reason: left.error.description, effect: "this provider was left out"))
        }
        let routes = try turn.resolved.usable(minion)
        let request = context.question.request(state.trace.prompt, sampling(context))
        let answerID = plan.form == .direct ? nil : context.id
        let reply: ChatReply
        if context.question.stream {
            let stream = context.calls.chat(request, routes: routes, spread: minion.pipeline.spread, answerID: answerID, purpose: name)
            var collector = ReplyCollector()
            for try await event in stream.events {
                if !plan.restyles {
                    if event.isToken { onSpeech() }
                    await tell(event, state, context)
                }
                collector.add(event)
            }
            try Task.checkCancellation()
            reply = collector.reply(attempts: stream.attempts)
        } else {
            reply = try await context.calls.complete(
                request, routes: routes, spread: minion.pipeline.spread, answerID: answerID, purpose: name)
            if !plan.restyles { for event in reply.events { await tell(event, state, context) } }
        }
        for attempt in reply.attempts where attempt.outcome != Attempt.ok {
            degraded.append(
                Degradation(
                    stage: name, reason: "\(attempt.provider)/\(attempt.model): \(attempt.message ?? attempt.outcome)",
                    effect: "tried again or with the next provider"))
        }
        // What was held back and is not restyled.
        if plan.restyles { for event in reply.events { if case .text = event {} else { await tell(event, state, context) } } }
        return (reply, degraded)
    }

    private func tell(_ event: ChatEvent, _ state: AnswerState, _ context: AnswerContext) async {
        switch event {
        case .text, .reasoning, .toolCall: await state.tell(event, context)
        // Of a call that is all there is, its client is told what the vendor says of it too.
        case .model, .usage, .finish: if context.plan.form == .direct { await state.tell(event, context) }
        case .failed: break
        }
    }

    /// What the question leaves open is the minion's.
    private func sampling(_ context: AnswerContext) -> Sampling {
        var sampling = context.question.sampling.over(context.minion.sampling)
        sampling.maxTokens = sampling.maxTokens ?? (context.plan.form == .direct ? context.calls.admission.longestReply : Self.defaultMaxTokens)
        return sampling
    }
}

extension ChatReply {
    fileprivate var events: [ChatEvent] { ChatEvent.pieces(reasoning: reasoning, text: text, toolCalls: toolCalls) }
}

extension ChatEvent {
    /// A whole reply as if it came piece by piece.
    static func pieces(reasoning: String, text: String, toolCalls: [ToolCall]) -> [ChatEvent] {
        var events: [ChatEvent] = reasoning.isEmpty ? [] : [.reasoning(reasoning)]
        if !text.isEmpty { events.append(.text(text)) }
        for (index, call) in toolCalls.enumerated() {
            events.append(.toolCall(index: index, id: call.id, name: call.name, arguments: call.arguments))
        }
        return events
    }
}
