import Foundation

/// Settings of one LoRA run, as `engine/training_job.py` reads them; what is absent has its default there.
public struct TrainerConfig: Sendable, Encodable {
    /// A Hugging Face folder or a GGUF file.
    public var baseModel: String
    /// Chat JSONL files.
    public var train: String
    public var validation: String
    public var rank: Int
    public var alpha: Int
    public var dropout: Double
    /// `all-linear` where absent.
    public var targetModules: [String]?
    public var useRSLoRA = false
    public var useDoRA = false
    public var learningRate: Double
    public var lrSchedule = "cosine"
    public var warmup: Double?
    public var weightDecay = 0.01
    public var maxGradNorm = 1.0
    public var epochs: Int
    public var maxSteps: Int?
    public var batchSize: Int
    public var batchTokens: Int?
    public var gradientAccumulation = 1
    public var gradientCheckpointing = false
    public var maxTokens: Int
    public var evaluateEvery: Int?
    public var patience: Int?
    public var keepBest = true
    public var seed: Int
    public var loadIn4Bit = false
    public var device = "auto"
    public var threads: Int
    public var processes = 1

    enum CodingKeys: String, CodingKey {
        case train, validation, rank, alpha, dropout, epochs, seed, threads, warmup, patience, device, processes
        case baseModel = "base_model"
        case targetModules = "target_modules"
        case useRSLoRA = "use_rslora"
        case useDoRA = "use_dora"
        case learningRate = "learning_rate"
        case lrSchedule = "lr_schedule"
        case weightDecay = "weight_decay"
        case maxGradNorm = "max_grad_norm"
        case maxSteps = "max_steps"
        case batchSize = "batch_size"
        case batchTokens = "batch_tokens"
        case gradientAccumulation = "gradient_accumulation"
        case gradientCheckpointing = "gradient_checkpointing"
        case maxTokens = "max_tokens"
        case evaluateEvery = "evaluate_every"
        case keepBest = "keep_best"
        case loadIn4Bit = "load_in_4bit"
    }

    public init(
        baseModel: String, train: String, validation: String, rank: Int, alpha: Int, dropout: Double, learningRate: Double, epochs: Int,
        batchSize: Int, maxTokens: Int, seed: Int, threads: Int
    ) {
        self.baseModel = baseModel
        self.train = train
        self.validation = validation
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.learningRate = learningRate
        self.epochs = epochs
        self.batchSize = batchSize
        self.maxTokens = maxTokens
        self.seed = seed
        self.threads = threads
    }
}
