import Domain
import Files
import Foundation
import LocalModels
import Store

/// A finished adapter in the job's folder.
struct TrainedAdapter: Sendable {
    var folder: URL
    var result: TrainerResult
    /// Its name in `models/`.
    var baseModel: String
}

/// Trains the LoRA adapter in a child process, or goes on with what an earlier attempt left in the job's folder.
struct AdapterStage: Sendable {
    let store: Store
    let trainer: Trainer
    let engine: EnginePaths
    let data: DataDirectory
    /// The operator's bound, which may have come after the job.
    let mostProcesses: Int

    func run(_ prepared: PreparedData, _ context: JobContext) async throws -> TrainedAdapter {
        guard let train = prepared.train, let validation = prepared.validation else {
            throw JobFailure(step: context.stage, code: .internal, message: "no prepared examples")
        }
        let base = try BaseModels(paths: engine).find(context.job.config.baseModel)
        var config = TrainerConfig(context.job.config, base: base, train: train, validation: validation)
        if config.settings.processes > mostProcesses {
            try await context.event(
                "log", ["message": "trains with \(mostProcesses) processes instead of \(config.settings.processes): more are not allowed here"])
            config.settings.processes = mostProcesses
        }
        let attempt = AttemptFolder(context: context)
        let folder = try attempt.open()
        let history = try await TrainingEvents(context, store: store)
        let result = try await trainer.train(config, into: folder, calibration: data.trainingSpeed) { try await history.report($0) }
        return TrainedAdapter(folder: try attempt.finished(folder), result: result, baseModel: base.name)
    }
}

extension DataDirectory {
    /// How fast this machine trained last, for estimates.
    public var trainingSpeed: URL { root.appending(path: "training-speed.json") }
}

extension TrainerConfig {
    init(_ settings: TrainingConfig, base: BaseModel, train: URL, validation: URL) {
        self.init(
            baseModel: base.trainingPath, train: train.path, validation: validation.path,
            threads: ProcessInfo.processInfo.activeProcessorCount, settings: settings)
    }
}
