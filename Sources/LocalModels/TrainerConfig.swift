import Domain

/// One LoRA run, as `engine/training/job.py` reads it: the job's settings, and where its files lie.
public struct TrainerConfig: Sendable, Encodable {
    /// A Hugging Face folder or a GGUF file.
    public var baseModel: String
    /// Chat JSONL files.
    public var train: String
    public var validation: String
    /// Of all processes together.
    public var threads: Int
    /// Of these the trainer's own, ``TrainingConfig/trainerSettings``, are written, under the same keys.
    public var settings: TrainingConfig

    public init(baseModel: String, train: String, validation: String, threads: Int, settings: TrainingConfig) {
        self.baseModel = baseModel
        self.train = train
        self.validation = validation
        self.threads = threads
        self.settings = settings
    }

    private enum CodingKeys: String, CodingKey {
        case train, validation, threads
        case baseModel = "base_model"
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(baseModel, forKey: .baseModel)
        try fields.encode(train, forKey: .train)
        try fields.encode(validation, forKey: .validation)
        try fields.encode(threads, forKey: .threads)
        try settings.encode(TrainingConfig.trainerSettings, to: encoder)
    }
}
