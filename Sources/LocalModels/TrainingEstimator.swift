import Foundation

/// What a run will take, counted and reckoned by `engine/training/estimate.py`.
public struct TrainingEstimate: Sendable, Codable, Equatable {
    public struct Warning: Sendable, Codable, Equatable {
        public var code: String
        public var message: String
        public var hint: String?

        public init(code: String, message: String, hint: String? = nil) {
            self.code = code
            self.message = message
            self.hint = hint
        }
    }

    public var examples: Int
    public var validationExamples: Int
    public var steps: Int
    /// Over all epochs.
    public var tokens: Int
    public var replyTokens: Int
    public var seconds: Double
    public var peakMemoryBytes: Int
    /// While it trains; the adapter alone is about a fifth of it.
    public var diskBytes: Int
    public var trainedWeights: Int
    /// In words: the last run on this machine, or an assumption.
    public var basedOn: String
    public var warnings: [Warning]

    enum CodingKeys: String, CodingKey {
        case examples, steps, tokens, seconds, warnings
        case validationExamples = "validation_examples"
        case replyTokens = "reply_tokens"
        case peakMemoryBytes = "peak_memory_bytes"
        case diskBytes = "disk_bytes"
        case trainedWeights = "trained_weights"
        case basedOn = "based_on"
    }
}

/// Estimates runs before they start.
public struct TrainingEstimator: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// - Parameter calibration: the file that ``Trainer`` was given.
    /// - Throws: ``LocalModelError``.
    public func estimate(_ config: TrainerConfig, folder: URL, calibration: URL) async throws -> TrainingEstimate {
        if let missing = paths.missing() { throw missing }
        let base = URL(filePath: config.baseModel)
        let converted = try await BaseModels(paths: paths).folder(of: base)
        let configuration = folder.appending(path: "job.json")
        try JSONEncoder().encode(config).write(to: configuration)
        let done = try await EngineScript(
            command: paths.command(
                "training/estimate.py", ["--config", configuration.path, "--calibration", calibration.path],
                .tool(
                    reads: [folder, URL(filePath: config.train), URL(filePath: config.validation), base, converted, calibration],
                    usesAccelerator: true)),
            failure: (.estimateFailed, "the training cannot be estimated")
        ).run()
        return try JSONDecoder().decode(TrainingEstimate.self, from: done)
    }
}
