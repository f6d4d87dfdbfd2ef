import Answers
import Calls
import Domain
import Files
import Foundation
import Knowledge
import LocalModels
import Providers
import Store

/// From datasets to a release, as typed arrows:
///
///     TrainingJob ─prepare→ PreparedData ─pairs→ PreparedData ─adapter→ TrainedAdapter? ─voice→ (its files)
///                 ─collection→ BuiltCollection? ─evaluation→ ReleaseEvaluation? ─publish→ Release
///
/// A stage's failure names the stage, the cause and what to do; nothing is published then.
public struct TrainingPipeline: Sendable {
    let prepare: PrepareStage
    let pairs: RestylePairsStage
    let adapter: AdapterStage
    let voice: VoiceStage
    let collection: CollectionStage
    let evaluate: EvaluateStage
    let publish: PublishStage

    /// - Parameter mostProcesses: that one job may train with.
    public init(
        store: Store, data: DataDirectory, engine: EnginePaths, extractor: any ArchiveExtractor, parser: any DocumentParser, vectors: VectorServer?,
        answers: AnswerPipeline, library: CollectionLibrary, search: CollectionSearch, queries: QueryEmbedder,
        providers: ProviderEmbedding, mostProcesses: Int = .max, embedder: @Sendable @escaping () async throws -> any IndexingEmbedder
    ) {
        prepare = PrepareStage(store: store, data: data, engine: engine)
        pairs = RestylePairsStage(store: store, answers: answers, embedder: embedder)
        voice = VoiceStage(embedder: embedder)
        adapter = AdapterStage(store: store, trainer: Trainer(paths: engine), engine: engine, data: data, mostProcesses: mostProcesses)
        collection = CollectionStage(
            store: store, data: data, extractor: extractor, parser: parser, vectors: vectors, providers: providers, embedder: embedder)
        evaluate = EvaluateStage(store: store, data: data, answers: answers, library: library, search: search, embedder: queries)
        publish = PublishStage(store: store, data: data, engine: engine)
    }

    func run(_ context: JobContext) async throws -> Release? {
        let restyles = try await pairs.applies(context)
        let shares = Shares(context.job, restyles: restyles)
        var prepared = try await step("prepare", context, 0...shares.prepared) {
            let prepared = try await prepare.run($0)
            try await collection.check($0)
            return prepared
        }
        if restyles { prepared = try await step("pairs", context, shares.prepared...shares.paired) { try await pairs.run(prepared, $0) } }
        let trained = try await step("adapter", context, shares.paired...shares.trained, if: context.job.trainingType.trainsAdapter) {
            try await adapter.run(prepared, $0)
        }
        if let trained { try await step("voice", context, shares.trained...shares.voiced) { try await voice.run(prepared, trained, $0) } }
        let built = try await step("collection", context, shares.voiced...shares.built, if: context.job.trainingType.buildsCollection) {
            try await collection.run(prepared, $0)
        }
        let measured = try await step("evaluation", context, shares.built...0.99, if: context.job.config.evaluation.enabled) { [prepared] in
            try await evaluate.run(prepared, trained, built, $0)
        }
        do {
            return try await step("publish", context, 0.99...1) { try await publish.run(prepared, trained, built, measured, $0) }
        } catch is CancellationError {
            // Stopped, or lost to another attempt, which may have found it finished: it stays.
            throw CancellationError()
        } catch {
            if let built { try? await collection.discard(built, context) }
            throw error
        }
    }

    /// How much of the bar each stage gets; within a stage progress is counted work.
    private struct Shares {
        var prepared = 0.01
        var paired: Double
        var trained: Double
        var voiced: Double
        var built: Double
        init(_ job: TrainingJob, restyles: Bool) {
            // Seen on two cores with the samples: training takes about seven times as long as indexing, and the
            // evaluation about as long as both.
            built = job.config.evaluation.enabled ? 0.55 : 0.99
            trained =
                switch job.trainingType {
                case .hybrid: built * 0.85
                case .ragOnly: 0.01
                case .loraOnly: built - 0.01
                }
            // A paraphrase takes about as long as an epoch over it.
            paired = restyles ? trained * 0.4 : prepared
            voiced = job.trainingType.trainsAdapter ? trained + 0.01 : trained
        }
    }

    private struct StageEvent: Encodable {
        var stage: String
        var status: String
        var milliseconds: Int?
        var use: StageUse?

        init(stage: String, status: String, milliseconds: Int? = nil, _ use: StageUse? = nil) {
            self.stage = stage
            self.status = status
            self.milliseconds = milliseconds
            self.use = use
        }
    }

    private func step<T: Sendable>(
        _ name: String, _ context: JobContext, _ range: ClosedRange<Double>, if applies: Bool, _ body: (JobContext) async throws -> T
    )
        async throws -> T?
    {
        applies ? try await step(name, context, range, body) : nil
    }

    private func step<T: Sendable>(_ name: String, _ context: JobContext, _ range: ClosedRange<Double>, _ body: (JobContext) async throws -> T)
        async throws
        -> T
    {
        let context = context.stage(name, range)
        let clock = ContinuousClock()
        let start = clock.now
        let meter = StageMeter(job: context.job.id, folders: [context.data.url(context.folder)])
        try Task.checkCancellation()
        try await context.record(.running, StageEvent(stage: name, status: "started"))
        do {
            let result = try await meter.measuring { try await body(context) }
            let milliseconds = Int((clock.now - start).seconds * 1000)
            // After `publish` the job is no longer ours to write to; its history ends with `completed`.
            if name != "publish" {
                try await context.progress(1)
                let use = meter.use
                try await context.record(.finished, StageEvent(stage: name, status: "finished", milliseconds: milliseconds, use), use: use)
            } else {
                try? await context.queue.finish(stage: name, of: context.job, outcome: .finished, use: meter.use)
            }
            return result
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            try? await context.queue.finish(stage: name, of: context.job, outcome: .failed, use: meter.use)
            throw JobFailure(stage: name, error: error)
        }
    }
}

extension JobFailure {
    /// Translates what stages throw; an error nobody foresaw keeps its own words.
    init(stage: String, error: any Error) {
        switch error {
        case let error as JobFailure: self = error
        case _ where DiskFull.isCause(of: error):
            self.init(
                step: stage, code: .diskFull, message: "the disk is full: \(error)",
                hint: "free some space and start the job again: finished work is kept")
        case let error as LocalModelError:
            self.init(step: stage, code: error.code.rawValue, isTransient: error.code.isTransient, message: error.message, hint: error.hint)
        case let error as LimitExceeded:
            self.init(
                step: stage, code: .limitExceeded, message: error.description,
                hint: "raise the limit, or start the job again when it allows more: finished work is kept")
        case let error as KnowledgeError:
            self.init(step: stage, code: error.code, isTransient: error.isTransient, message: error.message, hint: error.hint)
        case let error as DatasetRefused:
            let first = error.problems.first.map { problem in "\(problem.line.map { "line \($0): " } ?? "")\(problem.message)" } ?? ""
            self.init(step: stage, code: .datasetInvalid, message: "\(error.message). \(first)", hint: error.problems.first?.hint)
        case let error as RouterError: self.init(stage: stage, provider: error.last)
        case let error as ProviderError: self.init(stage: stage, provider: error)
        case let error as UnreadableRow:
            self.init(
                step: stage, code: .rowUnreadable, message: "\(error.id) cannot be read from the database: its \(error)",
                hint: "write it anew with PUT, or delete it")
        case let error as DatabaseError where error.isTransient:
            self.init(step: stage, code: .databaseUnavailable, message: "\(error)", hint: "start the job again when the database can be reached")
        default:
            self.init(
                step: stage, code: .internal, message: "\(error)",
                hint: "start the job again; if it fails the same way, report it with the server's log")
        }
    }
}

extension JobFailure {
    /// What a vendor said, in its own words; whether it may say something else later decides about another try.
    init(stage: String, provider error: ProviderError) {
        let code: Code =
            switch error.kind {
            case .rateLimited, .busy: .providerRateLimited
            case .budget: .limitExceeded
            case .overloaded, .connection, .serverError, .cutStream, .timeout, .circuitOpen, .malformedReply, .abortedReply: .providerUnavailable
            default: .providerRefused
            }
        self.init(
            step: stage, code: code, message: "\(error.provider): \(error.message)",
            hint: "test the provider's key (POST …/providers/\(error.provider)/test), then start the job again: finished work is kept")
    }
}
