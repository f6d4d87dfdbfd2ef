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
    private let draft: DraftStage
    private let retrieve: RetrieveStage
    private let compose: ComposeStage
    private let logger: Logger

    public init(
        store: Store, data: DataDirectory, server: AdapterServer, router: Router, library: CollectionLibrary, embedder: QueryEmbedder, logger: Logger
    ) {
        self.store = store
        self.data = data
        self.server = server
        self.router = router
        self.logger = logger
        draft = DraftStage(router: Router(registry: router.registry, prices: router.prices, retry: .never), server: server, data: data)
        retrieve = RetrieveStage(library: library, data: data, embedder: embedder)
        compose = ComposeStage(notes: NoteSelector(embedder: embedder))
    }

    /// Ends with `.done`, or throws ``RouterError``. Cancelling the consumer cancels every stage and
    /// the upstream call; what was used until then is still recorded.
    public func ask(_ minion: Minion, _ question: Question) -> AsyncThrowingStream<AnswerEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    let telemetry = RequestTelemetry.current
                    let answer = try await run(minion, question) { event in
                        if case .stage(let timing) = event { telemetry?.observe(timing) }
                        continuation.yield(event)
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

    private func run(_ minion: Minion, _ question: Question, _ emit: @Sendable (AnswerEvent) -> Void) async throws -> Answer {
        let id = RowID.make("ans")
        var trace = Trace(answerID: id, minionID: minion.id)
        let ledger = AttemptLedger()
        do {
            let answer = try await stages(minion, question, &trace, ledger, emit)
            await keep(answer.trace, answer: answer.text, question, minion, ledger)
            return answer
        } catch {
            await keep(trace, answer: nil, question, minion, ledger)
            throw error
        }
    }

    private func stages(
        _ minion: Minion, _ question: Question, _ trace: inout Trace, _ ledger: AttemptLedger, _ emit: @Sendable (AnswerEvent) -> Void
    ) async throws -> Answer {
        let materials = try await materials(minion)
        trace.releaseID = materials.release?.id
        trace.releaseNumber = materials.release?.number
        let scale = question.adapterScale ?? minion.pipeline.adapterScale

        // The trained voice is already in a local answer: a draft is made for it only where the question
        // asks for one, to be shown.
        let answersLocally = isManaged(minion.provider)
        let wantsDraft = question.useDraft ?? (minion.pipeline.useDraft && !answersLocally)
        async let drafted = timed("draft", if: wantsDraft && materials.adapter != nil) {
            try await draft.run(
                question, adapter: materials.adapter!, scale: scale, maxTokens: minion.pipeline.draftMaxTokens,
                onAttempt: { ledger.add($0, purpose: "draft") })
        }
        async let found = timed("retrieve", if: (question.usePassages ?? minion.pipeline.usePassages) && materials.collection != nil) {
            try await retrieve.run(
                question.text, collection: materials.collection!, version: materials.release?.collectionVersion ?? materials.collection!.version,
                user: minion.userID, topK: question.topK ?? minion.pipeline.topK)
        }

        let search = try await found
        trace.note(search, emit, effect: "the answer has no passages")
        if let (reply, searched) = search.value {
            trace.search = searched
            trace.passages = reply.passages
            if let reason = reply.degraded {
                trace.degraded.append(Degradation(stage: "retrieve", reason: reason, effect: "searched by words only"))
            }
        }
        let voice = try await drafted
        trace.note(voice, emit, effect: "the answer is without the draft's voice")
        if let made = voice.value { trace.draft = DraftTrace(text: made, adapterID: materials.adapter!.id, scale: scale, inPrompt: !answersLocally) }

        let local = answersLocally || minion.fallbacks.contains { isManaged($0.provider) }
        let lease = local ? try await localLease(materials.adapter, &trace) : nil
        defer { if let lease { Task { [server] in await server.release(lease) } } }
        return try await finish(minion, question, lease: lease, scale: scale, &trace, ledger, emit)
    }

    private func finish(
        _ minion: Minion, _ question: Question, lease: AdapterServer.Lease?, scale: Double, _ trace: inout Trace, _ ledger: AttemptLedger,
        _ emit: @Sendable (AnswerEvent) -> Void
    ) async throws -> Answer {
        let clock = ContinuousClock()
        var start = clock.now
        let short = router.registry[minion.provider]?.info.prefersShortPrompts ?? false
        let draft = trace.draft.flatMap { $0.inPrompt ? $0.text : nil }
        let composed = await compose.run(question, minion: minion, draft: draft, passages: trace.passages, short: short)
        trace.prompt = composed.prompt
        if let degraded = composed.degraded { trace.degraded.append(degraded) }
        trace.stage("compose", since: start, emit)

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
        sampling.maxTokens = sampling.maxTokens ?? minion.sampling.maxTokens ?? 512
        sampling.seed = sampling.seed ?? minion.sampling.seed
        let request = ChatRequest(model: minion.modelID, messages: trace.prompt, sampling: sampling, stream: question.stream)
        let stream = router.chat(request, routes: resolved.routes) { ledger.add($0, purpose: "answer") }
        var collector = ReplyCollector()
        for try await event in stream.events {
            if case .text(let text) = event { emit(.text(text)) }
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
        if citations.isEmpty, let number = Citations.supporting(text, question: question.text, passages: trace.passages) {
            citations = Citations.citations([number], by: "overlap", trace.passages)
            text += " [\(number)]"
            emit(.text(" [\(number)]"))
        }
        trace.attempts = ledger.attempts
        trace.tokens = TokenTotals(trace.attempts)
        return Answer(
            id: trace.answerID, text: text, citations: citations, provider: reply.provider, model: reply.model, finishReason: reply.finish,
            degraded: trace.degraded, trace: trace)
    }

    private func isManaged(_ provider: String) -> Bool { router.registry[provider]?.info.isManaged ?? false }

    private func materials(_ minion: Minion) async throws -> Materials {
        guard let releaseID = minion.releaseID else { return Materials() }
        let rows = store.user(minion.userID)
        let release = try await rows.release(releaseID)
        var materials = Materials(release: release)
        if let id = release.adapterID { materials.adapter = try await rows.adapter(id) }
        if let id = release.collectionID { materials.collection = try await rows.collection(id) }
        return materials
    }

    /// The local server with the adapter, or with the base alone where the adapter cannot be loaded.
    private func localLease(_ adapter: Adapter?, _ trace: inout Trace) async throws -> AdapterServer.Lease? {
        if let adapter {
            do { return try await server.lease(adapter: data.url(adapter.path).appending(path: "adapter.gguf")) } catch is CancellationError {
                throw CancellationError()
            } catch {
                trace.degraded.append(Degradation(stage: "answer", reason: "\(error)", effect: "answered by the base model without the voice"))
            }
        }
        do { return try await server.lease() } catch is CancellationError { throw CancellationError() } catch {
            trace.degraded.append(Degradation(stage: "answer", reason: "\(error)", effect: "the local model cannot be asked"))
            return nil
        }
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

    /// Keeps usage always, the trace where there is an answer. In a task of its own: a client that
    /// left has cancelled this one, and what it used must be counted all the same.
    private func keep(_ trace: Trace, answer: String?, _ question: Question, _ minion: Minion, _ ledger: AttemptLedger) async {
        let (store, logger) = (store, logger)
        await Task {
            do {
                let rows = store.user(minion.userID)
                try await rows.recordUsage(ledger.records(minionID: minion.id, answerID: trace.answerID))
                guard let answer else { return }
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
