import Foundation
import LocalModels
import Store

/// A finished adapter in the job's folder.
struct TrainedAdapter: Sendable {
    var folder: URL
    var result: TrainerResult
}

/// Trains the LoRA adapter in a child process.
struct AdapterStage: Sendable {
    let trainer: Trainer
    let engine: EnginePaths
    let data: DataDirectory

    func run(_ prepared: PreparedData, _ context: JobContext) async throws -> TrainedAdapter {
        guard let train = prepared.train, let validation = prepared.validation else {
            throw JobFailure(step: context.stage, code: "internal", message: "no prepared examples")
        }
        let settings = context.job.config
        let config = TrainerConfig(
            baseModel: engine.baseModelFolder.path, train: train.path, validation: validation.path, rank: settings.rank, alpha: settings.alpha,
            dropout: settings.dropout, learningRate: settings.learningRate, epochs: settings.epochs, batchSize: settings.batchSize,
            maxTokens: settings.maxTokens, seed: settings.seed, threads: ProcessInfo.processInfo.activeProcessorCount)
        let folder = try data.folder("\(context.folder)/adapter")
        let result = try await trainer.train(config, into: folder) { try await report($0, context) }
        return TrainedAdapter(folder: folder, result: result)
    }

    private func report(_ event: TrainerEvent, _ context: JobContext) async throws {
        switch event.event {
        case "progress":
            var details = ProgressDetails()
            details.step = event.step
            details.steps = event.steps
            details.epoch = event.epoch
            details.loss = event.loss
            details.learningRate = event.learningRate
            details.tokens = event.tokens
            details.tokensTotal = event.tokensTotal
            details.tokensPerSecond = event.tokensPerSecond
            details.secondsLeft = event.secondsLeft
            let fraction = Double(event.tokens ?? 0) / Double(max(1, event.tokensTotal ?? 1))
            try await context.progress(fraction, details)
        case "validation": try await context.event("validation", event)
        case "started": try await context.event("started", event)
        case "warning": try await context.event("log", ["message": event.message ?? "warning from the trainer"])
        case "loading": try await context.event("log", ["message": "loading the base model"])
        case "exporting": try await context.event("log", ["message": "exporting the adapter to GGUF"])
        default: break
        }
    }
}
