import Calls
import Foundation
import Providers
import Store

extension AnswerPipeline {
    /// Lets the question in, before anything is spent or said: reserves what its answer may come to along the
    /// dearest of the routes it may take.
    /// - Throws: ``LimitExceeded``.
    /// - Parameter purpose: of its calls, where they are no answer to a user.
    public func admit(_ minion: Minion, _ question: Question, purpose: String = "answer") async throws -> Admission {
        let selection = try await catalog.selection(for: minion)
        let resolver = RouteResolver(store: store, registry: selection?.registry ?? catalog.standard)
        return try await admit(minion, question, resolver.resolve(minion, lease: nil, scale: 0), selection?.prices ?? catalog.prices, purpose)
    }

    /// The same where the routes are known already.
    public func admit(_ snapshot: MinionSnapshot, _ question: Question) async throws -> Admission {
        try await admit(snapshot.minion, question, snapshot.resolved, snapshot.selection?.prices ?? catalog.prices, "answer")
    }

    private func admit(
        _ minion: Minion, _ question: Question, _ resolved: RouteResolver.Resolved, _ prices: PriceBook, _ purpose: String
    ) async throws -> Admission {
        let estimate = SpendingEstimate(question, minion: minion) { router.registry[$0]?.info.isManaged ?? false }
        return try await meter.admit(
            user: minion.userID, minion: minion.id, routes: resolved.routes, isLocalToo: resolved.isLocalToo, usage: estimate.usage,
            tokens: estimate.tokens, isOpenEnded: estimate.isOpenEnded, prices: prices, purpose: purpose)
    }

    /// Answers stage by stage, with what the minion's release holds; a minion in direct mode without draft,
    /// passages and kept row.
    ///
    /// The events end with `.done`, or throw ``RouterError``. Cancelling their consumer cancels every stage and
    /// the upstream call; what was used until then is still recorded.
    /// - Parameter admission: of this very question.
    public func ask(_ minion: Minion, _ question: Question, _ admission: Admission) -> AsyncThrowingStream<AnswerEvent, any Error> {
        let (stream, buffer) = StreamBuffer<AnswerEvent>.make(limit: 128 << 10) { 64 + $0.length }
        let task = Task {
            do {
                let telemetry = RequestTelemetry.current
                let trial = CanaryTrial(minion, conversation: question.conversationID)
                let answer = try await trials.run(trial, isGood: \.releaseDidItsPart) {
                    try await released(trial, question, admission, room: { if buffer.isFull { await buffer.room() } }) { event in
                        if case .stage(let timing) = event { telemetry?.observe(timing) }
                        buffer.send(event)
                    }
                }
                telemetry?.answered(by: answer.model)
                buffer.send(.done(answer))
                buffer.finish()
            } catch { buffer.finish(throwing: error) }
        }
        buffer.onAbandon { task.cancel() }
        return stream
    }

    /// Answers with what is given in place of a release: what a job has made and not published yet can be
    /// asked as it will be. Past the response cache, and kept nowhere; its use is recorded.
    /// - Parameter purpose: what its calls are recorded as; nil for each stage's own.
    /// - Throws: ``RouterError``, ``LimitExceeded``; `CancellationError`.
    package func answer(_ minion: Minion, _ question: Question, with materials: AnswerMaterials, purpose: String? = nil) async throws -> Answer {
        let admission = try await admit(minion, question, purpose: purpose ?? "answer")
        let ledger = AttemptLedger(admission)
        defer { meter.settle(admission, ledger.records(minionID: minion.id, answerID: nil, purpose: purpose)) }
        return try await make(context(minion, question, materials, ledger, admission, from: router.patient) { _ in })
    }

    private func released(
        _ trial: CanaryTrial, _ question: Question, _ admission: Admission, room: @Sendable @escaping () async -> Void,
        _ emit: @Sendable @escaping (AnswerEvent) -> Void
    ) async throws -> Answer {
        let minion = trial.minion
        let entry = await cache.entry(for: minion, question.asCacheKey, as: "answer", temperature: question.sampling.temperature)
        if let entry, let answer = await cached(minion, entry, admission, emit) { return answer }
        let ledger = AttemptLedger(admission)
        let id = RowID.make("ans")
        let answer: Answer
        do {
            // Before the reply ends, however it ends: what was used is safe by then.
            defer { meter.settle(admission, ledger.records(minionID: minion.id, answerID: id)) }
            let materials = try await AnswerMaterials.load(minion, store, data)
            answer = try await make(context(minion, question, materials, ledger, admission, id: id, arm: trial.arm, room: room, emit))
        }
        if answer.trace.order != nil { await keep(answer, question, minion) }
        if let entry, answer.mayBeKept, !(answer.finishReason == .length && admission.wasBounded) { await cache.keep(answer, at: entry) }
        return answer
    }

    private func context(
        _ minion: Minion, _ question: Question, _ materials: AnswerMaterials, _ ledger: AttemptLedger, _ admission: Admission,
        from router: Router? = nil, id: String = RowID.make("ans"), arm: CanaryArm? = nil, room: @Sendable @escaping () async -> Void = {},
        _ emit: @Sendable @escaping (AnswerEvent) -> Void
    ) async throws -> AnswerContext {
        let router = try await catalog.router(for: minion, from: router ?? self.router)
        let plan = AnswerPlan(minion, question, materials, provider: router.registry[minion.provider]?.info)
        return AnswerContext(
            id: id, minion: minion, arm: arm, question: question, materials: materials, plan: plan, router: router, ledger: ledger,
            admission: admission,
            emit: emit, room: room)
    }

    /// The answer this request was given before, with its use on record.
    private func cached(
        _ minion: Minion, _ entry: ResponseCache.Entry, _ admission: Admission, _ emit: @Sendable (AnswerEvent) -> Void
    ) async -> Answer? {
        let (at, start) = (Date(), ContinuousClock().now)
        guard let kept: Answer = await cache.find(entry) else { return nil }
        let timing = StageTiming(stage: "cache", milliseconds: start.elapsedMilliseconds, status: "ok")
        let answer = kept.fromCache(timing)
        meter.settle(
            admission,
            [.cacheHit(minion, answerID: answer.id, provider: answer.provider, model: answer.model, at: at, milliseconds: timing.milliseconds)])
        emit(.stage(timing))
        if !answer.reasoning.isEmpty { emit(.reasoning(answer.reasoning)) }
        if !answer.text.isEmpty { emit(.text(answer.text)) }
        for (index, call) in answer.toolCalls.enumerated() {
            emit(.toolCall(index: index, id: call.id, name: call.name, arguments: call.arguments))
        }
        return answer
    }

    /// Keeps the answer and its trace. In a task of its own: a client that left has cancelled this one.
    private func keep(_ answer: Answer, _ question: Question, _ minion: Minion) async {
        let (store, logger) = (store, logger)
        await Task {
            do {
                let trace = answer.trace
                try await store.user(minion.userID).saveAnswer(
                    id: trace.answerID, minionID: minion.id, releaseID: trace.releaseID, question: question.text, answer: answer.text,
                    trace: String(decoding: try JSONEncoder.api.encode(trace), as: UTF8.self), at: Date())
            } catch { logger.error("cannot keep the trace of an answer: \(error)") }
        }.value
    }
}
