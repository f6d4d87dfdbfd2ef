import Domain
import Files
import Foundation
import LocalModels
import Store

/// What a job would take if it was started now.
public struct JobEstimator: Sendable {
    let store: Store
    let data: DataDirectory
    let engine: EnginePaths

    public init(store: Store, data: DataDirectory, engine: EnginePaths) {
        self.store = store
        self.data = data
        self.engine = engine
    }

    public func baseModels() -> [BaseModel] { BaseModels(paths: engine).all() }

    /// Why a job cannot have this base model; nil where it can.
    public func refusal(of base: String) -> JobFailure? {
        do {
            _ = try BaseModels(paths: engine).find(base)
            return nil
        } catch { return JobFailure(stage: "prepare", error: error) }
    }

    /// Reads the job's examples as its first stage would, and counts.
    /// - Returns: nil where the job trains no adapter.
    public func estimate(_ draft: TrainingJobDraft, user: String) async throws -> TrainingEstimate? {
        guard draft.trainingType.trainsAdapter else { return nil }
        let base = try BaseModels(paths: engine).find(draft.config.baseModel)
        var datasets: [Dataset] = []
        for id in draft.datasetIDs { datasets.append(try await store.user(user).dataset(id)) }
        let examples = try await TrainingExamples.read(datasets, seed: draft.config.seed, data: data, stage: "estimate")
        try examples.requireTrainable(stage: "estimate")
        let working = try WorkingFolder(data, user: user)
        defer { working.remove() }
        let folder = working.url
        let split = examples.split()
        let train = folder.appending(path: "train.jsonl")
        let validation = folder.appending(path: "validation.jsonl")
        try split.train.write(to: train)
        try split.validation.write(to: validation)
        let config = TrainerConfig(draft.config, base: base, train: train, validation: validation)
        var estimate = try await TrainingEstimator(paths: engine).estimate(config, folder: folder, calibration: data.trainingSpeed)
        if let message = examples.fieldsLeftOut.message {
            estimate.warnings.insert(.init(code: "fields_left_out", message: message, hint: examples.fieldsLeftOut.hint), at: 0)
        }
        if let message = examples.leftOutMessage {
            estimate.warnings.insert(.init(code: "examples_left_out", message: message, hint: examples.leftOut.hint), at: 0)
        }
        return estimate
    }
}
