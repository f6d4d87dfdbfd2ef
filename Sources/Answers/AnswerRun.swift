import Calls
import Domain
import Files
import Foundation
import Providers
import Store

/// One answer, whichever door its question came through: let in, routed, made stage by stage, paid for, kept.
///
/// A minion in direct mode is answered by the same run with a plan of one stage.
public struct AnswerRun: Sendable {
    let pipeline: AnswerPipeline
    let asked: AskedMinion
    let question: Question
    let calls: ModelCalls
    /// What its calls are recorded as; nil for each stage's own.
    var purpose: String? = nil

    /// `x-ratelimit-*`, for the reply.
    public var headers: [(String, String)] { calls.admission.headers }
    /// Whether the question goes straight to the model.
    public var isDirect: Bool { question.isDirect(asked.minion) }

    /// Makes the answer, with what the minion's release holds. What was used until its end is recorded, however it ends.
    /// - Parameter onEvent: called with each event as it arrives; what it waits for, stages and vendor wait for.
    /// - Throws: ``RouterError``; `CancellationError` where the task is cancelled, which closes the upstream connection.
    public func answer(onEvent: @escaping @Sendable (AnswerEvent) async -> Void = { _ in }) async throws -> Answer {
        let telemetry = RequestTelemetry.current
        let trial = CanaryTrial(asked.minion, conversation: question.conversationID)
        let answer = try await pipeline.trials.run(trial, isGood: \.releaseDidItsPart) {
            try await released(trial) { event in
                if case .stage(let timing) = event { telemetry?.observe(timing) }
                await onEvent(event)
            }
        }
        telemetry?.answered(by: answer.model)
        return answer
    }

    private func released(_ trial: CanaryTrial, _ emit: @Sendable @escaping (AnswerEvent) async -> Void) async throws -> Answer {
        let minion = trial.minion
        // Nothing is looked up where the minion does not cache.
        let entry =
            minion.pipeline.cache == .off
            ? nil : await pipeline.cache.entry(for: minion, question.asCacheKey, temperature: question.sampling.temperature)
        if let entry, let answer = await given(before: entry, minion, emit) { return answer }
        let id = RowID.make("ans")
        let answer = try await calls.recording(answerID: isDirect ? nil : id) {
            let materials = try await asked.materials(trial, isDirect: isDirect, pipeline.store, pipeline.data)
            return try await pipeline.make(context(minion, materials, id: id, arm: trial.arm, emit: emit))
        }
        if answer.trace.order != nil { await pipeline.keep(answer, question, minion) }
        if let entry, answer.mayBeKept, !(answer.finishReason == .length && calls.admission.wasBounded) {
            await pipeline.cache.keep(answer.asKept, at: entry)
        }
        return answer
    }

    /// Answers with what is given in place of a release. Past trials and the response cache, and kept nowhere; no vendor's wish to
    /// wait is too long.
    func answer(with materials: AnswerMaterials) async throws -> Answer {
        try await calls.recording(as: purpose) { try await pipeline.make(context(asked.minion, materials, emit: { _ in })) }
    }

    private func context(
        _ minion: Minion, _ materials: AnswerMaterials, id: String = RowID.make("ans"), arm: CanaryArm? = nil,
        emit: @Sendable @escaping (AnswerEvent) async -> Void
    ) -> AnswerContext {
        AnswerContext(
            id: id, minion: minion, arm: arm, question: question, materials: materials,
            plan: AnswerPlan(minion, question, materials, provider: calls.router.registry[minion.provider]?.info),
            resolved: asked.targets.resolved, calls: calls, emit: emit)
    }

    /// The answer this request was given before, with its use on record.
    private func given(
        before entry: ResponseCache.Entry, _ minion: Minion, _ emit: @Sendable (AnswerEvent) async -> Void
    ) async -> Answer? {
        let (at, start) = (Date(), ContinuousClock().now)
        guard let kept: Answer = await pipeline.cache.find(entry) else { return nil }
        let timing = StageTiming(stage: "cache", milliseconds: start.elapsedMilliseconds, status: "ok")
        var answer = kept.fromCache(timing)
        if answer.trace.order == nil { answer.trace.prompt = ComposeStage.direct(question, minion) }
        calls.end(
            with: .cacheHit(
                minion, answerID: answer.trace.order == nil ? nil : answer.id, provider: answer.provider, model: answer.model, at: at,
                milliseconds: timing.milliseconds))
        await emit(.stage(timing))
        for event in ChatEvent.pieces(reasoning: answer.reasoning, text: answer.text, toolCalls: answer.toolCalls) { await emit(.reply(event)) }
        return answer
    }
}

/// A minion as one question finds it: its row, and where each of its models is asked and with which key. Looked up once.
struct AskedMinion: Sendable {
    let minion: Minion
    let targets: CallTargets
    /// What is known already of the release's adapter.
    let snapshot: MinionSnapshot?

    init(_ snapshot: MinionSnapshot) { (minion, targets, self.snapshot) = (snapshot.minion, snapshot.targets, snapshot) }

    init(_ minion: Minion, _ caller: ModelCaller) async throws {
        (self.minion, snapshot) = (minion, nil)
        targets = try await caller.targets(of: minion)
    }

    /// What the release holds of what the answer needs: straight to a model of others it needs nothing.
    func materials(_ trial: CanaryTrial, isDirect: Bool, _ store: Store, _ data: DataDirectory) async throws -> AnswerMaterials {
        guard isDirect, let snapshot else { return try await AnswerMaterials.load(trial.minion, store, data) }
        let adapter = targets.resolved.isLocalToo ? snapshot.adapter(of: trial.arm) : nil
        return AnswerMaterials(releaseID: trial.minion.releaseID, voice: adapter.map { VoiceAdapter($0, data) })
    }
}
