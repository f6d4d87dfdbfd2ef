import Calls
import Domain
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
///
/// A stage is added by a file of its own and a line in ``gathering`` or ``making``.
public struct AnswerPipeline: Sendable {
    package let store: Store
    let data: DataDirectory
    package let caller: ModelCaller
    let cache: ResponseCache
    package let server: AdapterServer
    let trials: CanaryWatch
    private let logger: Logger
    /// What goes into the prompt, side by side; told in this order.
    var gathering: [any GatheringStage]
    /// From the prompt to the answer, one after the other.
    private let making: [any MakingStage]

    public init(
        caller: ModelCaller, data: DataDirectory, server: AdapterServer, cache: ResponseCache, search: CollectionSearch, embedder: QueryEmbedder,
        logger: Logger
    ) {
        store = caller.store
        self.caller = caller
        self.data = data
        self.server = server
        self.cache = cache
        self.logger = logger
        trials = CanaryWatch(store: store, logger: logger)
        let local = LocalModel(router: caller.router, server: server)
        gathering = [
            RetrieveStage(search: search), DraftStage(local: local), VoiceExamplesStage(library: VoiceLibrary(), embedder: embedder),
        ]
        making = [
            ComposeStage(notes: NoteSelector(embedder: embedder)), ModelStage(server: server),
            RestyleStage(local: local, embedder: embedder), CiteStage(),
        ]
    }

    /// The longest that an answer may wait for a vendor's sake, beside what its calls take.
    public var longestWait: Duration { .seconds(caller.router.retry.patience) }

    /// Lets a question in, before anything is spent or said: reserves what its answer may come to along the
    /// dearest of the routes it may take.
    /// - Throws: ``LimitExceeded``.
    public func admit(_ snapshot: MinionSnapshot, _ question: Question) async throws -> AnswerRun {
        try await admit(AskedMinion(snapshot), question)
    }

    /// The same for somebody who knows the minion otherwise.
    public func admit(_ minion: Minion, _ question: Question) async throws -> AnswerRun {
        try await admit(AskedMinion(minion, caller), question)
    }

    /// Answers with what is given in place of a release: what a job has made and not published yet can be asked as it will be.
    /// Past the response cache, and kept nowhere; its use is recorded.
    /// - Parameter purpose: what its calls are recorded as; nil for each stage's own.
    /// - Throws: ``RouterError``, ``LimitExceeded``; `CancellationError`.
    package func answer(_ minion: Minion, _ question: Question, with materials: AnswerMaterials, purpose: String? = nil) async throws -> Answer {
        var run = try await admit(AskedMinion(minion, caller), question, purpose: purpose ?? "answer", patience: .background)
        run.purpose = purpose
        return try await run.answer(with: materials)
    }

    private func admit(
        _ asked: AskedMinion, _ question: Question, purpose: String = "answer", patience: ModelCaller.Patience = .caller
    ) async throws -> AnswerRun {
        let registry = asked.targets.router(caller.router).registry
        let estimate = SpendingEstimate(question, minion: asked.minion, provider: registry[asked.minion.provider]?.info)
        let calls = try await caller.open(
            asked.targets, user: asked.minion.userID, minion: asked.minion.id, usage: estimate.usage, tokens: estimate.tokens,
            isOpenEnded: estimate.isOpenEnded, purpose: purpose, patience: patience)
        return AnswerRun(pipeline: self, asked: asked, question: question, calls: calls)
    }

    /// Whether a provider is run by this server.
    package func isManaged(_ provider: String) -> Bool { caller.catalog.standard[provider]?.info.isManaged ?? false }

    func make(_ context: AnswerContext) async throws -> Answer {
        guard context.plan.form != .direct else {
            // Nothing but the answer's own call is made.
            var state = AnswerState(context)
            for stage in gathering where stage.isToldWhereSkipped {
                let timing = StageTiming(stage: stage.name, milliseconds: 0, status: "skipped")
                state.trace.stages.append(timing)
                await context.emit(.stage(timing))
            }
            return try await finish(context, state)
        }
        return try await Admission.$question.withValue(context.calls.admission) {
            try await finish(context, gathered(context))
        }
    }

    private func gathered(_ context: AnswerContext) async throws -> AnswerState {
        var state = AnswerState(context)
        try await withThrowingTaskGroup(of: (place: Int, outcome: StageOutcome).self) { group in
            for (place, stage) in gathering.enumerated() {
                group.addTask { (place, try await StageOutcome.of(stage, context)) }
            }
            var outcomes: [Int: StageOutcome] = [:]
            var next = 0
            for try await (place, outcome) in group {
                outcomes[place] = outcome
                while let outcome = outcomes[next] {
                    if outcome.timing.status != "skipped" || gathering[next].isToldWhereSkipped {
                        state.trace.stages.append(outcome.timing)
                        await context.emit(.stage(outcome.timing))
                    }
                    outcome.change(&state.trace)
                    next += 1
                }
            }
        }
        return state
    }

    private func finish(_ context: AnswerContext, _ gathered: AnswerState) async throws -> Answer {
        var state = gathered
        for stage in making where stage.applies(to: context.plan) {
            let start = ContinuousClock().now
            try await stage.run(context, &state)
            guard stage.isTold(in: context.plan) else { continue }
            let timing = StageTiming(stage: stage.name, milliseconds: start.elapsedMilliseconds, status: "ok")
            state.trace.stages.append(timing)
            await context.emit(.stage(timing))
        }
        return state.answer(context)
    }

    /// Keeps the answer and its trace. In a task of its own: a client that left has cancelled this one.
    func keep(_ answer: Answer, _ question: Question, _ minion: Minion) async {
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
