import Calls
import Files
import Foundation
import Knowledge
import LocalModels
import Logging
import Providers
import Store

/// From a question to an answer, as typed arrows:
///
///     Question ─plan→ AnswerPlan ┬draft→ DraftTrace? ───────┐
///                                ├examples→ [VoiceExample] ─┼compose→ [ChatMessage] ─answer→ ChatReply ─restyle→ ChatReply ─cite→ Answer
///                                └retrieve→ [Passage] ──────┘
///
/// The plan says which of them run (``PipelineSettings/Order``); the first three run side by side. What
/// fails degrades in this order, and the answer says so: no draft → lexical search only → no passages →
/// the next provider → the reply as it was. Only when no provider answers is the question's reply an error.
public struct AnswerPipeline: Sendable {
    package let store: Store
    let data: DataDirectory
    package let router: Router
    package let catalog: ProviderCatalog
    let cache: ResponseCache
    package let meter: Meter
    let direct: DirectAnswer
    package let server: AdapterServer
    let logger: Logger
    let trials: CanaryWatch
    private let draft: DraftStage
    private let examples: VoiceExamplesStage
    private let retrieve: RetrieveStage
    private let compose: ComposeStage
    private let answer: AnswerStage
    private let restyle: RestyleStage
    private let cite = CiteStage()

    public init(
        store: Store, data: DataDirectory, server: AdapterServer, router: Router, meter: Meter, catalog: ProviderCatalog, cache: ResponseCache,
        search: CollectionSearch, embedder: QueryEmbedder, logger: Logger
    ) {
        self.store = store
        self.data = data
        self.router = router
        self.meter = meter
        self.server = server
        self.catalog = catalog
        self.cache = cache
        self.logger = logger
        trials = CanaryWatch(store: store, logger: logger)
        let local = LocalModel(
            router: Router(registry: router.registry, prices: router.prices, retry: .never, health: router.health), server: server)
        draft = DraftStage(local: local)
        examples = VoiceExamplesStage(library: VoiceLibrary(), embedder: embedder)
        retrieve = RetrieveStage(search: search)
        compose = ComposeStage(notes: NoteSelector(embedder: embedder))
        answer = AnswerStage(store: store, server: server, meter: meter)
        restyle = RestyleStage(local: local, embedder: embedder)
        direct = DirectAnswer(store: store, data: data, server: server, router: router, meter: meter, cache: cache)
    }

    /// The longest that an answer may wait for a vendor's sake, beside what its calls take.
    public var longestWait: Duration { .seconds(router.retry.patience) }

    func make(_ context: AnswerContext) async throws -> Answer {
        try await Admission.$question.withValue(context.admission) { try await stages(context) }
    }

    private func stages(_ context: AnswerContext) async throws -> Answer {
        let (plan, emit) = (context.plan, context.emit)
        var trace = Trace(context)
        async let drafted = StageOutcome.of("draft", if: plan.drafts) { [draft] in try await draft.run(context) }
        async let remembered = StageOutcome.of("examples", if: plan.examples > 0) { [examples] in try await examples.run(context) }
        async let searched = StageOutcome.of("retrieve", if: plan.retrieves) { [retrieve] in try await retrieve.run(context) }

        let found = try await searched
        trace.note(found, emit, effect: "the answer has no passages", lacks: .knowledge)
        if let found = found.value ?? nil {
            trace.search = found.trace
            trace.passages = found.passages
            if let degraded = found.degraded { trace.degraded.append(degraded) }
        }
        let voice = try await drafted
        trace.note(voice, emit, effect: "the answer is without the draft's voice", lacks: .voice)
        trace.draft = voice.value
        let own = try await remembered
        if plan.examples > 0 {
            trace.note(own, emit, effect: "the prompt is without replies of the user's own")
            trace.voiceExamples = own.value?.examples
            if let degraded = own.value?.degraded { trace.degraded.append(degraded) }
        }

        var start = ContinuousClock().now
        let composed = await compose.run(
            context, voice: .init(draft: trace.draft.flatMap { $0.inPrompt ? $0.text : nil }, examples: trace.voiceExamples ?? []),
            passages: trace.passages)
        trace.prompt = composed.prompt
        if let degraded = composed.degraded { trace.degraded.append(degraded) }
        if plan.form != .direct { trace.stage("compose", since: start, emit) }

        start = ContinuousClock().now
        let cited = cite.begin(context, trace.passages)
        var speaking = context
        if let cited { speaking.emit = cited.pass }
        var (reply, worse) = try await answer.run(composed.prompt, speaking, holdsText: plan.restyles)
        trace.degraded += worse
        trace.stage("answer", since: start, emit)

        var removed: [String] = []
        if plan.order == .restyleLast {
            start = ContinuousClock().now
            if plan.restyles, let cited { (reply.text, removed) = cited.cleaned(reply.text) }
            let styled = try await restyle.run(reply, speaking)
            reply.text = styled.text
            trace.restyle = styled.trace
            trace.degraded += styled.degraded
            trace.stage("restyle", since: start, emit)
        }
        let (text, citations, worseCited) = cited?.finish(removed: removed) ?? (reply.text, [], nil)
        if let worseCited { trace.degraded.append(worseCited) }
        trace.attempts = context.ledger.attempts
        trace.tokens = TokenTotals(trace.attempts)
        return Answer(
            id: context.id, text: text, citations: citations, provider: reply.provider, model: reply.model, finishReason: reply.finish,
            toolCalls: reply.toolCalls, reasoning: reply.reasoning, degraded: trace.degraded, trace: trace)
    }
}

extension Trace {
    fileprivate init(_ context: AnswerContext) {
        self.init(answerID: context.id, minionID: context.minion.id)
        order = context.plan.order
        releaseID = context.materials.releaseID
        releaseNumber = context.materials.releaseNumber
        canaryArm = context.arm
    }
}
