/// The settings of a job. Defaults suit small style sets on two cores.
public struct TrainingConfig: Sendable, Codable, Equatable {
    public var rank: Int
    public var alpha: Int
    public var dropout: Double
    public var learningRate: Double
    public var epochs: Int
    /// Examples a step.
    public var batchSize: Int
    /// Longest example, in tokens of the base model.
    public var maxTokens: Int
    public var seed: Int
    /// A folder or file of `models/`; absent: the default one.
    public var baseModel: String?
    public var targetModules = TargetModules.allLinear
    /// Scale alpha/√rank instead of alpha/rank.
    public var useRSLoRA = false
    /// Magnitude and direction of the weights learned apart; served as the LoRA adapter that comes closest.
    public var useDoRA = false
    public var lrSchedule = LearningRateSchedule.cosine
    /// Steps, or a share of them when below 1; absent: 5 %, at most 20 steps.
    public var warmup: Double?
    public var weightDecay = 0.01
    /// Norm to which gradients are clipped; 0: not at all.
    public var maxGradNorm = 1.0
    /// Instead of `epochs`.
    public var maxSteps: Int?
    /// Tokens a batch, instead of `batchSize`.
    public var batchTokens: Int?
    /// Batches a step.
    public var gradientAccumulation = 1
    public var gradientCheckpointing = false
    /// Steps between two validations; absent: one at the end of each epoch.
    public var evaluateEvery: Int?
    /// Validations without a better loss before training ends early.
    public var patience: Int?
    /// Whether the weights of the best validation are published, else the last ones.
    public var keepBest = true
    public var loadIn4Bit = false
    public var device = Device.auto
    /// On this machine, each with a part of every batch.
    public var processes = 1
    /// Chunk size and overlap of the collection, in tokens of the embedder.
    public var chunkTokens: Int
    public var chunkOverlap: Int
    /// Where documents are cut.
    public var chunkStrategy: ChunkingStrategy
    /// The model of the user's providers that makes the collection's vectors; nil for this server's own.
    public var embedder: ModelRoute?

    /// Whether the adapter learns to restyle beside replying; absent where the minion's order decides
    /// (``PipelineSettings/Order/restyleLast``).
    public var restyle: Bool?
    /// Who says the user's replies in plain prose, so that the adapter can learn the way back.
    public var restyleParaphraser: Paraphraser
    /// US dollars that the paraphrases may cost; needed where an external model makes them.
    public var restyleBudget: Double?
    /// The most replies that are paraphrased for training.
    public var restylePairs: Int

    public enum Paraphraser: String, Sendable, Codable, CaseIterable {
        /// The minion's external model; of a local minion the base model.
        case external
        /// The local base model: free, and much worse.
        case base
    }

    /// How the documents are joined to what the minion knows already.
    public var collectionUpdate: CollectionChange
    /// What goes with ``CollectionChange/replaceMatching``; nil with any other.
    public var collectionFilter: DocumentFilter?

    /// What becomes of the documents of the version before.
    public enum CollectionChange: String, Sendable, Codable, CaseIterable {
        /// They go.
        case replaceAll = "replace_all"
        /// They stay.
        case append
        /// They stay, but for those whose name comes again with other content.
        case merge
        /// Those that ``TrainingConfig/collectionFilter`` matches go, the others stay.
        case replaceMatching = "replace_matching"
    }

    /// How what was made is measured.
    public var evaluation: EvaluationSettings

    enum CodingKeys: String, CodingKey {
        case rank, alpha, dropout, epochs, seed, embedder, restyle, evaluation
        case restyleParaphraser = "restyle_paraphraser"
        case restyleBudget = "restyle_budget"
        case restylePairs = "restyle_pairs"
        case collectionUpdate = "collection_update"
        case collectionFilter = "collection_filter"
        case chunkStrategy = "chunk_strategy"
        case learningRate = "learning_rate"
        case batchSize = "batch_size"
        case maxTokens = "max_tokens"
        case baseModel = "base_model"
        case targetModules = "target_modules"
        case useRSLoRA = "use_rslora"
        case useDoRA = "use_dora"
        case lrSchedule = "lr_schedule"
        case warmup, patience, device, processes
        case weightDecay = "weight_decay"
        case maxGradNorm = "max_grad_norm"
        case maxSteps = "max_steps"
        case batchTokens = "batch_tokens"
        case gradientAccumulation = "gradient_accumulation"
        case gradientCheckpointing = "gradient_checkpointing"
        case evaluateEvery = "evaluate_every"
        case keepBest = "keep_best"
        case loadIn4Bit = "load_in_4bit"
        case chunkTokens = "chunk_tokens"
        case chunkOverlap = "chunk_overlap"
    }

    public init(
        rank: Int = 16, alpha: Int = 32, dropout: Double = 0, learningRate: Double = 3e-4, epochs: Int = 2, batchSize: Int = 8,
        maxTokens: Int = 1024, seed: Int = 7, chunkTokens: Int = 320, chunkOverlap: Int = 40,
        chunkStrategy: ChunkingStrategy = .structural, collectionUpdate: CollectionChange = .replaceAll, embedder: ModelRoute? = nil,
        restyle: Bool? = nil,
        restyleParaphraser: Paraphraser = .external, restyleBudget: Double? = nil, restylePairs: Int = 300,
        evaluation: EvaluationSettings = .init()
    ) {
        self.restyle = restyle
        self.restyleParaphraser = restyleParaphraser
        self.restyleBudget = restyleBudget
        self.restylePairs = restylePairs
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.learningRate = learningRate
        self.epochs = epochs
        self.batchSize = batchSize
        self.maxTokens = maxTokens
        self.seed = seed
        self.chunkTokens = chunkTokens
        self.chunkOverlap = chunkOverlap
        self.chunkStrategy = chunkStrategy
        self.collectionUpdate = collectionUpdate
        self.evaluation = evaluation
        self.embedder = embedder
    }

    /// What each number may be, whichever way it comes in.
    public enum Bounds {
        public static let rank = 1...256
        public static let alpha = 1...512
        public static let dropout = 0.0...0.9
        public static let learningRate = 1e-7...1e-1
        public static let epochs = 1...100
        public static let batchSize = 1...256
        public static let maxTokens = 32...8192
        public static let seed = 0...Int(Int32.max)
        public static let warmup = 0.0...100_000
        public static let weightDecay = 0.0...1
        public static let maxGradNorm = 0.0...1000
        public static let maxSteps = 1...1_000_000
        public static let batchTokens = 32...65_536
        public static let gradientAccumulation = 1...256
        public static let evaluateEvery = 1...100_000
        public static let patience = 1...100
        public static let processes = 1...64
        public static let chunkTokens = 32...512
        public static let chunkOverlap = 0...256
        public static let restyleBudget = 0.0...100_000
        public static let restylePairs = 2...5000
    }

    /// Reads a configuration that was written before a field was there: it has its default.
    public init(from decoder: any Decoder) throws {
        let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
        self.init()
        rank = try fields.number(.rank, Bounds.rank) ?? rank
        alpha = try fields.number(.alpha, Bounds.alpha) ?? alpha
        dropout = try fields.number(.dropout, Bounds.dropout) ?? dropout
        learningRate = try fields.number(.learningRate, Bounds.learningRate) ?? learningRate
        epochs = try fields.number(.epochs, Bounds.epochs) ?? epochs
        batchSize = try fields.number(.batchSize, Bounds.batchSize) ?? batchSize
        maxTokens = try fields.number(.maxTokens, Bounds.maxTokens) ?? maxTokens
        seed = try fields.number(.seed, Bounds.seed) ?? seed
        baseModel = try fields.value(.baseModel)
        targetModules = try fields.value(.targetModules) ?? targetModules
        useRSLoRA = try fields.value(.useRSLoRA) ?? useRSLoRA
        useDoRA = try fields.value(.useDoRA) ?? useDoRA
        lrSchedule = try fields.value(.lrSchedule) ?? lrSchedule
        warmup = try fields.number(.warmup, Bounds.warmup)
        weightDecay = try fields.number(.weightDecay, Bounds.weightDecay) ?? weightDecay
        maxGradNorm = try fields.number(.maxGradNorm, Bounds.maxGradNorm) ?? maxGradNorm
        maxSteps = try fields.number(.maxSteps, Bounds.maxSteps)
        batchTokens = try fields.number(.batchTokens, Bounds.batchTokens)
        gradientAccumulation = try fields.number(.gradientAccumulation, Bounds.gradientAccumulation) ?? gradientAccumulation
        gradientCheckpointing = try fields.value(.gradientCheckpointing) ?? gradientCheckpointing
        evaluateEvery = try fields.number(.evaluateEvery, Bounds.evaluateEvery)
        patience = try fields.number(.patience, Bounds.patience)
        keepBest = try fields.value(.keepBest) ?? keepBest
        loadIn4Bit = try fields.value(.loadIn4Bit) ?? loadIn4Bit
        device = try fields.value(.device) ?? device
        processes = try fields.number(.processes, Bounds.processes) ?? processes
        chunkTokens = try fields.number(.chunkTokens, Bounds.chunkTokens) ?? chunkTokens
        chunkOverlap = try fields.number(.chunkOverlap, Bounds.chunkOverlap) ?? chunkOverlap
        chunkStrategy = try fields.value(.chunkStrategy) ?? chunkStrategy
        collectionUpdate = try fields.value(.collectionUpdate) ?? collectionUpdate
        collectionFilter = try fields.value(.collectionFilter)
        evaluation = try fields.value(.evaluation) ?? evaluation
        embedder = try fields.value(.embedder)
        restyle = try fields.value(.restyle)
        restyleParaphraser = try fields.value(.restyleParaphraser) ?? restyleParaphraser
        restyleBudget = try fields.number(.restyleBudget, Bounds.restyleBudget)
        restylePairs = try fields.number(.restylePairs, Bounds.restylePairs) ?? restylePairs
    }
}

extension TrainingConfig {
    /// Which matrices of the base model get an adapter: all but the head, or those whose modules are named.
    public enum TargetModules: Sendable, Codable, Equatable {
        case allLinear
        case named([String])

        public init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            self = if let names = try? container.decode([String].self) { .named(names) } else { .allLinear }
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .allLinear: try container.encode("all-linear")
            case .named(let names): try container.encode(names)
            }
        }
    }

    /// How the learning rate goes over the steps, after its warm-up.
    public enum LearningRateSchedule: String, Sendable, Codable, CaseIterable {
        case cosine, linear, constant
        case constantWithWarmup = "constant_with_warmup"
    }

    /// What computes; `auto` takes CUDA, else MPS, else the processor.
    public enum Device: String, Sendable, Codable, CaseIterable {
        case auto, cpu, cuda, mps
    }
}
