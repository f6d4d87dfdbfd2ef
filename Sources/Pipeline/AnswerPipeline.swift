import Foundation
import Knowledge
import LocalModels
import Logging
import Providers
import Store

/// From a question to an answer:
///
///     question → draft (voice) ┐
///              → passages ─────┴→ prompt → routed model → answer, citations, trace
///
/// Draft and search run side by side. What fails degrades in this order, and the answer says so:
/// no draft → lexical search only → no passages → the next provider. Only when no provider answers is
/// the question's reply an error.
public struct AnswerPipeline: Sendable {
    private let store: Store
    private let data: DataDirectory
    private let server: AdapterServer
    private let router: Router
    private let catalog: ProviderCatalog
    let cache: ResponseCache
    private let meter: Meter
    private let draft: DraftStage
    private let retrieve: RetrieveStage
    private let compose: ComposeStage
    let direct: DirectAnswer
    private let logger: Logger
    let trials: CanaryWatch

    public init(
        store: Store, data: DataDirectory, server: AdapterServer, router: Router, meter: Meter, catalog: ProviderCatalog, cache: ResponseCache,
        search: CollectionSearch, embedder: QueryEmbedder, logger: Logger
    ) {
        self.store = store
        self.data = data
        self.server = server
        self.router = router
        self.meter = meter
        self.catalog = catalog
        self.cache = cache
        self.logger = logger
        trials = CanaryWatch(store: store, logger: logger)
        draft = DraftStage(
            router: Router(registry: router.registry, prices: router.prices, retry: .never, health: router.health), server: server, data: data)
        retrieve = RetrieveStage(search: search)
        compose = ComposeStage(notes: NoteSelector(embedder: embedder))
        direct = DirectAnswer(store: store, data: data, server: server, router: router, meter: meter, cache: cache)
    }

    /// Lets the question in, before anything is spent or said: reserves what its answer may come to.
    /// - Throws: ``LimitExceeded``.
    /// - Parameter selection: the user's providers, where the minion names one that is data.
    public func admit(_ minion: Minion, _ question: Question, selection: ProviderCatalog.Selection? = nil) async throws -> Admission {
        let prices = selection.map { router.with($0).prices } ?? router.prices
        let estimate = SpendingEstimate(question, minion: minion, prices: prices, isManaged: isManaged)
        return try await meter.admit(user: minion.userID, minion: minion.id, tokens: estimate.tokens, cost: estimate.cost)
    }

    /// Answers stage by stage; a minion in direct mode without draft, passages and kept row.
    ///
    /// The events end with `.done`, or throw ``RouterError``. Cancelling their consumer cancels every stage and
    /// the upstream call; what was used until then is still recorded.
    /// - Parameter admission: of this very question.
    public func ask(_ minion: Minion, _ question: Question, _ admission: Admission) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    let telemetry = RequestTelemetry.current
                    let trial = CanaryTrial(minion, conversation: question.conversation)
                    let answer = try await trials.run(trial, isGood: \.releaseDidItsPart) {
                        try await run(trial.minion, question, admission, arm: trial.arm) { event in
                            if case .stage(let timing) = event { telemetry?.observe(timing) }
                            continuation.yield(event)
                        }
                    }
                    telemetry?.answered(by: answer.model)
                    continuation.yield(.done(answer))
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private struct Materials: Sendable {
        var release: Release?
        var adapter: Adapter?
        var collection: Collection?
    }

    private func run(
        _ minion: Minion, _ question: Question, _ admission: Admission, arm: CanaryArm?, _ emit: @Sendable (AnswerEvent) -> Void
    ) async throws -> Answer {
        let entry = await cache.entry(for: minion, question.asCacheKey, as: "answer", temperature: question.sampling.temperature)
        if let entry, let answer = await cached(minion, entry, admission, emit) { return answer }
        let id = RowID.make("ans")
        var trace = Trace(answerID: id, minionID: minion.id)
        trace.canaryArm = arm
        let ledger = AttemptLedger()
        // Before the reply ends, however it ends: what was used is safe by then.
        func settle() { meter.settle(admission, ledger.records(minionID: minion.id, answerID: id)) }
        do {
            let answer = try await stages(minion, question, &trace, ledger, admission, emit)
            settle()
            if !isDirect(minion, question) { await keep(answer.trace, answer: answer.text, question, minion) }
            if let entry, answer.mayBeKept { await cache.keep(answer, at: entry) }
            return answer
        } catch {
            settle()
            throw error
        }
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

    private func stages(
        _ minion: Minion, _ question: Question, _ trace: inout Trace, _ ledger: AttemptLedger, _ admission: Admission,
        _ emit: @Sendable (AnswerEvent) -> Void
    ) async throws -> Answer {
        let isDirect = self.isDirect(minion, question)
        let materials = try await materials(minion)
        trace.releaseID = materials.release?.id
        trace.releaseNumber = materials.release?.number
        let scale = question.adapterScale ?? minion.pipeline.adapterScale

        // The trained voice is already in a local answer: a draft is made for it only where the question
        // asks for one, to be shown.
        let answersLocally = isManaged(minion.provider)
        // After a tool's result the model goes on with what it began; there is nothing to draft.
        let wantsDraft = !isDirect && question.messages.last?.role != .tool && (question.useDraft ?? (minion.pipeline.useDraft && !answersLocally))
        async let drafted = timed("draft", if: wantsDraft && materials.adapter != nil) {
            try await draft.run(
                question, adapter: materials.adapter!, scale: scale, maxTokens: minion.pipeline.draftMaxTokens,
                onAttempt: { ledger.add($0, purpose: "draft") })
        }
        async let found = timed("retrieve", if: !isDirect && (question.usePassages ?? minion.pipeline.usePassages) && materials.collection != nil) {
            try await retrieve.run(
                question.text, collection: materials.collection!, version: materials.release?.collectionVersion,
                user: minion.userID,
                options: SearchOptions(
                    k: question.topK ?? minion.pipeline.topK, rerank: minion.pipeline.rerank, neighbours: minion.pipeline.neighbours,
                    tokenBudget: minion.pipeline.passageTokens))
        }

        let search = try await found
        trace.note(search, emit, effect: "the answer has no passages")
        if let (reply, searched) = search.value ?? nil {
            trace.search = searched
            trace.passages = reply.passages
            if let reason = reply.degraded {
                let effect = reply.strategy == .lexical ? "searched by words only" : "better passages may have been missed"
                trace.degraded.append(Degradation(stage: "retrieve", reason: reason, effect: effect))
            }
        }
        let voice = try await drafted
        trace.note(voice, emit, effect: "the answer is without the draft's voice")
        if let made = voice.value { trace.draft = DraftTrace(text: made, adapterID: materials.adapter!.id, scale: scale, inPrompt: !answersLocally) }

        let local = answersLocally || minion.fallbacks.contains { isManaged($0.provider) }
        let lease = local ? try await localLease(materials.adapter, &trace) : nil
        defer { if let lease { Task { [server] in await server.release(lease) } } }
        return try await finish(minion, question, lease: lease, scale: scale, &trace, ledger, admission, emit)
    }

    private func finish(
        _ minion: Minion, _ question: Question, lease: AdapterServer.Lease?, scale: Double, _ trace: inout Trace, _ ledger: AttemptLedger,
        _ admission: Admission, _ emit: @Sendable (AnswerEvent) -> Void
    ) async throws -> Answer {
        let clock = ContinuousClock()
        var start = clock.now
        let router = try await catalog.router(for: minion, from: router)
        let isDirect = self.isDirect(minion, question)
        if isDirect {
            trace.prompt = direct.prepared(minion, question.request(question.messages, question.sampling)).messages
        } else {
            let short = router.registry[minion.provider]?.info.prefersShortPrompts ?? false
            let draft = trace.draft.flatMap { $0.inPrompt ? $0.text : nil }
            let composed = await compose.run(question, minion: minion, draft: draft, passages: trace.passages, short: short)
            trace.prompt = composed.prompt
            if let degraded = composed.degraded { trace.degraded.append(degraded) }
            trace.stage("compose", since: start, emit)
        }

        start = clock.now
        let resolved = try await RouteResolver(store: store, registry: router.registry).resolve(minion, lease: lease, scale: scale)
        for left in resolved.left {
            trace.degraded.append(Degradation(stage: "answer", reason: left.description, effect: "this provider was left out"))
        }
        guard !resolved.routes.isEmpty else {
            throw RouterError(
                attempts: [], last: resolved.left.first ?? ProviderError(.unsupported, provider: minion.provider, message: "no provider"))
        }
        var sampling = question.sampling
        sampling.temperature = sampling.temperature ?? minion.sampling.temperature
        sampling.topP = sampling.topP ?? minion.sampling.topP
        sampling.maxTokens = sampling.maxTokens ?? minion.sampling.maxTokens ?? (isDirect ? nil : 512)
        sampling.seed = sampling.seed ?? minion.sampling.seed
        let stream = router.chat(
            question.request(trace.prompt, sampling), routes: resolved.routes, spread: minion.spread,
            gate: meter.gate(admission, prices: router.prices)
        ) {
            ledger.add($0, purpose: "answer")
        }
        var collector = ReplyCollector()
        for try await event in stream.events {
            switch event {
            case .text(let text): emit(.text(text))
            case .reasoning(let text): emit(.reasoning(text))
            case .toolCall(let index, let id, let name, let arguments): emit(.toolCall(index: index, id: id, name: name, arguments: arguments))
            case .model, .usage, .finish: break
            }
            collector.add(event)
        }
        try Task.checkCancellation()
        let reply = collector.reply(attempts: stream.attempts)
        for attempt in stream.attempts where attempt.outcome != Attempt.ok {
            trace.degraded.append(
                Degradation(
                    stage: "answer", reason: "\(attempt.provider)/\(attempt.model): \(attempt.message ?? attempt.outcome)",
                    effect: "tried again or with the next provider"))
        }
        trace.stage("answer", since: start, emit)
        return cite(reply, question, &trace, ledger, emit)
    }

    private func cite(
        _ reply: ChatReply, _ question: Question, _ trace: inout Trace, _ ledger: AttemptLedger, _ emit: @Sendable (AnswerEvent) -> Void
    )
        -> Answer
    {
        var text = reply.text
        var citations = Citations.citations(Citations.marks(in: text, passages: trace.passages.count), by: "model", trace.passages)
        // A call of a tool is not an answer yet, and JSON with a mark behind it is no JSON.
        if citations.isEmpty, reply.toolCalls.isEmpty, !question.wantsJSON,
            let number = Citations.supporting(text, question: question.text, passages: trace.passages)
        {
            citations = Citations.citations([number], by: "overlap", trace.passages)
            text += " [\(number)]"
            emit(.text(" [\(number)]"))
        }
        trace.attempts = ledger.attempts
        trace.tokens = TokenTotals(trace.attempts)
        return Answer(
            id: trace.answerID, text: text, citations: citations, provider: reply.provider, model: reply.model, finishReason: reply.finish,
            toolCalls: reply.toolCalls, reasoning: reply.reasoning, degraded: trace.degraded, trace: trace)
    }

    private func isManaged(_ provider: String) -> Bool { router.registry[provider]?.info.isManaged ?? false }

    private func materials(_ minion: Minion) async throws -> Materials {
        let rows = store.user(minion.userID)
        // Before its first release a minion knows what is already cut of the collection that is being built for it.
        guard let releaseID = minion.releaseID else { return Materials(collection: try await rows.collectionForMinion(minion.id)) }
        let release = try await rows.release(releaseID)
        var materials = Materials(release: release)
        if let id = release.adapterID { materials.adapter = try await rows.adapter(id) }
        if let id = release.collectionID { materials.collection = try await rows.collection(id) }
        return materials
    }

    private func localLease(_ adapter: Adapter?, _ trace: inout Trace) async throws -> AdapterServer.Lease? {
        let (lease, degraded) = try await LocalLease.take(server, data, adapter: adapter)
        trace.degraded += degraded
        return lease
    }

    /// Whether the question goes straight to the model. One that asks for a draft or for passages by
    /// name gets them.
    private func isDirect(_ minion: Minion, _ question: Question) -> Bool {
        minion.pipeline.mode == .direct && question.useDraft != true && question.usePassages != true
    }

    private func timed<T: Sendable>(_ stage: String, if applies: Bool, _ body: @Sendable () async throws -> T) async throws -> StageOutcome<T> {
        guard applies else { return StageOutcome(timing: StageTiming(stage: stage, milliseconds: 0, status: "skipped"), value: nil, failure: nil) }
        let start = ContinuousClock().now
        do {
            let value = try await body()
            return StageOutcome(timing: StageTiming(stage: stage, milliseconds: start.elapsedMilliseconds, status: "ok"), value: value, failure: nil)
        } catch is CancellationError { throw CancellationError() } catch {
            return StageOutcome(
                timing: StageTiming(stage: stage, milliseconds: start.elapsedMilliseconds, status: "failed"), value: nil, failure: "\(error)")
        }
    }

    /// Keeps the answer and its trace. In a task of its own: a client that left has cancelled this one.
    private func keep(_ trace: Trace, answer: String, _ question: Question, _ minion: Minion) async {
        let (store, logger) = (store, logger)
        await Task {
            do {
                let rows = store.user(minion.userID)
                try await rows.saveAnswer(
                    id: trace.answerID, minionID: minion.id, releaseID: trace.releaseID, question: question.text, answer: answer,
                    trace: String(decoding: try JSONEncoder.api.encode(trace), as: UTF8.self), at: Date())
            } catch { logger.error("cannot keep the trace of an answer: \(error)") }
        }.value
    }
}

/// What became of a stage that may fail without failing the answer.
private struct StageOutcome<T: Sendable>: Sendable {
    var timing: StageTiming
    var value: T?
    var failure: String?
}

extension Trace {
    fileprivate mutating func note<T>(_ outcome: StageOutcome<T>, _ emit: (AnswerEvent) -> Void, effect: String) {
        stages.append(outcome.timing)
        emit(.stage(outcome.timing))
        if let failure = outcome.failure { degraded.append(Degradation(stage: outcome.timing.stage, reason: failure, effect: effect)) }
    }

    fileprivate mutating func stage(_ name: String, since start: ContinuousClock.Instant, _ emit: (AnswerEvent) -> Void) {
        let timing = StageTiming(stage: name, milliseconds: start.elapsedMilliseconds, status: "ok")
        stages.append(timing)
        emit(.stage(timing))
    }
}

extension ContinuousClock.Instant {
    fileprivate var elapsedMilliseconds: Double { (ContinuousClock().now - self) / .milliseconds(1) }
}
