import Answers
import Calls
import Domain
import Files
import Foundation
import Knowledge
import LocalModels
import Releases
import Store

/// Measures what the job has made before it is published: each arm answers held-out messages and questions
/// about the documents, through the pipeline that answers users.
///
/// What cannot be measured is left out and noted; an evaluation that fails takes no finished training with it.
struct EvaluateStage: Sendable {
    let store: Store
    let data: DataDirectory
    let answers: any Answering
    let library: CollectionLibrary
    let search: CollectionSearch
    let embedder: QueryEmbedder

    /// - Returns: metrics, examples and notes; the other fields are the publisher's.
    func run(_ prepared: PreparedData, _ trained: TrainedAdapter?, _ built: BuiltCollection?, _ context: JobContext) async throws
        -> ReleaseEvaluation
    {
        let job = context.job
        var evaluation = ReleaseEvaluation()
        do {
            let minion = try await store.user(job.userID).minion(job.minionID)
            let materials = try await materials(trained, built, job)
            try await measure(prepared, trained, built, minion, materials, context, &evaluation)
        } catch is CancellationError {
            await release(built, job)
            throw CancellationError()
        } catch {
            evaluation.notes.append("The evaluation ended early: \(JobFailure(stage: context.stage, error: error).message)")
            try await context.event("log", ["message": evaluation.notes.last!])
        }
        await release(built, job)
        evaluation.metrics.sort { ($0.name.position, $0.arm.position) < ($1.name.position, $1.arm.position) }
        return evaluation
    }

    private func measure(
        _ prepared: PreparedData, _ trained: TrainedAdapter?, _ built: BuiltCollection?, _ minion: Minion, _ materials: AnswerMaterials,
        _ context: JobContext, _ evaluation: inout ReleaseEvaluation
    ) async throws {
        let settings = context.job.config.evaluation
        let deadline = ContinuousClock.now + .seconds(settings.seconds)
        let bootstrap = Bootstrap(resamples: settings.resamples, seed: UInt64(context.job.config.seed))
        let replies = try (prepared.replies ?? prepared.train).flatMap { train in
            try prepared.validation.map { try HeldOutReplies(train: train, validation: $0) { $0.hasPrefix(RestyleProfile.instruction) } }
        }
        let voice = VoiceMeasures(
            replies: replies ?? HeldOutReplies(), losses: trained.flatMap { HeldOutLosses.read($0.folder) },
            answersLocally: answers.answersLocally(minion), bootstrap: bootstrap)
        let perplexity = voice.perplexity()
        evaluation.metrics += perplexity
        try await tell(perplexity, context)

        let asked = try await knowledgeQuestions(built, minion, context, deadline, &evaluation.notes)
        let retrieval = try await retrieval(asked, materials, minion, bootstrap)
        evaluation.metrics += retrieval
        try await tell(retrieval, context)

        let questions = Self.interleaved(Array((replies?.questions ?? []).prefix(settings.examples)), asked)
        guard !questions.isEmpty else { return evaluation.notes.append("There was no question to ask.") }
        let restyles = try trained.map { try RestyleProfile.read($0.folder) != nil } ?? false
        let arms = EvaluationArm.arms(materials, restyles: restyles)
        try await announce(questions, arms, minion, settings, context)
        let runner = ArmRunner(
            answers: answers, minion: minion, materials: materials, arms: arms, settings: settings, seed: context.job.config.seed,
            keeper: AnswerKeeper(folder: try data.folder("\(context.folder)/evaluation")), identity: try identity(trained, built, context.job),
            deadline: deadline)
        let (results, notes) = try await runner.run(questions) { done, total in
            var details = ProgressDetails()
            details.step = done
            details.steps = total
            try await context.progress(Double(done) / Double(total), details)
        }
        evaluation.notes += notes
        evaluation.examples = results.examples()
        try await measure(results, voice, bootstrap, context, &evaluation)
        if let judge = settings.judge { try await self.judge(judge, results, voice.replies, minion, bootstrap, deadline, context, &evaluation) }
    }

    /// The figures of the answers.
    private func measure(
        _ results: ArmResults, _ voice: VoiceMeasures, _ bootstrap: Bootstrap, _ context: JobContext, _ evaluation: inout ReleaseEvaluation
    ) async throws {
        var metrics: [EvaluationMetric] = []
        if !voice.replies.training.isEmpty {
            let style = voice.style(results)
            metrics += style.metrics
            evaluation.notes += style.notes
        }
        var engine: EngineEmbedder?
        do { engine = try await embedder.engine() } catch is CancellationError { throw CancellationError() } catch {
            evaluation.notes.append("No embedder runs (\(error)): groundedness is by words alone, and kept meaning was not measured.")
        }
        metrics += try await KnowledgeMeasures(grounding: Grounding(embedder: engine), bootstrap: bootstrap).answers(results)
        let common = CommonMeasures(bootstrap: bootstrap)
        if let engine { metrics += try await common.similarity(results, engine) }
        metrics += common.restyled(results) + common.costs(results)
        evaluation.metrics += metrics
        for arm in results.arms { try await tell(metrics.filter { $0.arm == arm }, context) }
    }

    private func judge(
        _ route: ModelRoute, _ results: ArmResults, _ replies: HeldOutReplies, _ minion: Minion, _ bootstrap: Bootstrap,
        _ deadline: ContinuousClock.Instant, _ context: JobContext, _ evaluation: inout ReleaseEvaluation
    ) async throws {
        if let refusal = EvaluationJudge.refusal(route, minion) {
            return evaluation.notes.append("There was no judge: \(refusal).")
        }
        let arms = results.arms.filter { $0 != .base }
        let candidates = arms.filter { $0.hasVoice && $0.hasPassages }
        let round = JudgeRound(
            judge: PairwiseJudge(answers: answers, judge: route), minion: minion, samples: Array(replies.training.prefix(3)), deadline: deadline)
        for arm in candidates.isEmpty ? Array(arms.suffix(1)) : candidates {
            let estimate = try await round.estimate(arm, results)
            try await context.event(
                "evaluation",
                EvaluationEvent(arm: arm, calls: estimate.calls, estimatedCost: estimate.cost, message: "\(route.provider)/\(route.model) compares"))
            let (wins, notes) = try await round.run(arm, results)
            evaluation.notes += notes
            if let metric = EvaluationMetric.mean(.judgeWinRate, arm, wins, unit: "share", bootstrap) {
                evaluation.metrics.append(metric)
                try await tell([metric], context)
            }
        }
    }

    // MARK: - What is asked

    /// Those the user gave; without any, questions made from the documents.
    private func knowledgeQuestions(
        _ built: BuiltCollection?, _ minion: Minion, _ context: JobContext, _ deadline: ContinuousClock.Instant, _ notes: inout [String]
    ) async throws -> [EvaluationQuestion] {
        guard let built else { return [] }
        let job = context.job
        let count = job.config.evaluation.examples
        var given: [EvaluationQuestion] = []
        for id in job.datasetIDs {
            let dataset = try await store.user(job.userID).dataset(id)
            if dataset.datasetType == .custom { given += try QuestionFile.read(data.url(dataset.filePath)) }
        }
        if !given.isEmpty {
            var random = SeededRandom(seed: UInt64(job.config.seed))
            return Array(given.shuffled(using: &random).prefix(count))
        }
        let index = try CollectionIndex.open(data.url(DataPaths.collection(built.id, version: built.version, user: job.userID)))
        // A quarter of the time: the answers matter more.
        let until = ContinuousClock.now + .seconds(job.config.evaluation.seconds) / 4
        do {
            let made = try await QuestionMaker(answers: answers)
                .make(count, from: index, minion, seed: job.config.seed, deadline: min(until, deadline))
            notes.append(
                made.isEmpty
                    ? "No question could be made from the documents; add a custom dataset of questions to measure the knowledge."
                    : "\(made.count) questions were made from the documents by \(minion.provider)/\(minion.modelID): they use the documents' "
                        + "own words, which makes finding them easier than what users ask.")
            return made
        } catch is CancellationError { throw CancellationError() } catch {
            notes.append("No question could be made from the documents: \(error)")
            return []
        }
    }

    private func retrieval(
        _ questions: [EvaluationQuestion], _ materials: AnswerMaterials, _ minion: Minion, _ bootstrap: Bootstrap
    ) async throws -> [EvaluationMetric] {
        guard let collection = materials.collection else { return [] }
        let check = RetrievalCheck(search: search)
        var found: [RetrievalCheck.Found] = []
        for question in questions {
            if let one = try await check.run(
                question, collection, version: materials.collectionVersion, user: minion.userID, settings: minion.pipeline)
            {
                found.append(one)
            }
        }
        return KnowledgeMeasures(grounding: Grounding(embedder: nil), bootstrap: bootstrap).retrieval(found)
    }

    /// By turns, so that an end in the middle leaves some of both.
    static func interleaved(_ first: [EvaluationQuestion], _ second: [EvaluationQuestion]) -> [EvaluationQuestion] {
        (0..<max(first.count, second.count)).flatMap { place in
            [first, second].compactMap { $0.indices.contains(place) ? $0[place] : nil }
        }
    }

    // MARK: - What it is asked with

    private func materials(_ trained: TrainedAdapter?, _ built: BuiltCollection?, _ job: TrainingJob) async throws -> AnswerMaterials {
        var materials = AnswerMaterials()
        if let trained {
            materials.voice = VoiceAdapter(id: job.id, baseModel: trained.baseModel, folder: trained.folder)
        }
        if let built {
            materials.collection = try await store.user(job.userID).collection(built.id)
            materials.collectionVersion = built.version
        }
        return materials
    }

    private func identity(_ trained: TrainedAdapter?, _ built: BuiltCollection?, _ job: TrainingJob) throws -> [String] {
        let index = try built.map { try CollectionIndex.open(data.url(DataPaths.collection($0.id, version: $0.version, user: job.userID))) }
        return [trained?.result.sha256 ?? "", index?.fingerprint ?? ""]
    }

    /// Closes the collection: one that is never published makes room for another under the same name.
    private func release(_ built: BuiltCollection?, _ job: TrainingJob) async {
        guard let built else { return }
        await library.close(under: data.url(DataPaths.collection(built.id, version: built.version, user: job.userID)))
    }

    // MARK: - What is told

    private func announce(
        _ questions: [EvaluationQuestion], _ arms: [EvaluationArm], _ minion: Minion, _ settings: EvaluationSettings, _ context: JobContext
    ) async throws {
        let isLocal = answers.answersLocally(minion)
        let asked = questions.flatMap { question in
            arms.map { $0.question(question.messages, .init(maxTokens: settings.maxTokens), answersLocally: isLocal) }
        }
        let cost = try await answers.cost(minion, asked)
        try await context.event(
            "evaluation",
            EvaluationEvent(
                calls: questions.count * arms.count, estimatedCost: cost,
                message: "\(questions.count) questions, each answered by \(arms.map(\.rawValue).joined(separator: ", "))"))
    }

    private func tell(_ metrics: [EvaluationMetric], _ context: JobContext) async throws {
        for arm in EvaluationArm.allCases {
            let own = metrics.filter { $0.arm == arm }
            if !own.isEmpty { try await context.event("evaluation", EvaluationEvent(arm: arm, metrics: own)) }
        }
    }
}

extension EvaluationMetric.Name {
    fileprivate var position: Int { Self.allCases.firstIndex(of: self)! }
}

extension EvaluationArm {
    fileprivate var position: Int { Self.allCases.firstIndex(of: self)! }
}
