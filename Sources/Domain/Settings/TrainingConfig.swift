/// The settings of a job. Defaults suit small style sets on two cores.
public struct TrainingConfig: SettingGroup {
    public var rank = 16
    public var alpha = 32
    public var dropout = 0.0
    public var learningRate = 3e-4
    public var epochs = 2
    /// Examples a step.
    public var batchSize = 8
    /// Longest example, in tokens of the base model.
    public var maxTokens = 1024
    public var seed = 7
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
    public var chunkTokens = 320
    public var chunkOverlap = 40
    /// Where documents are cut.
    public var chunkStrategy = ChunkingStrategy.structural
    /// The model of the user's providers that makes the collection's vectors; nil for this server's own.
    public var embedder: ModelRoute?

    /// Whether the adapter learns to restyle beside replying; absent where the minion's order decides
    /// (``PipelineSettings/Order/restyleLast``).
    public var restyle: Bool?
    /// Who says the user's replies in plain prose, so that the adapter can learn the way back.
    public var restyleParaphraser = Paraphraser.external
    /// US dollars that the paraphrases may cost; needed where an external model makes them.
    public var restyleBudget: Double?
    /// The most replies that are paraphrased for training.
    public var restylePairs = 300

    public enum Paraphraser: String, Sendable, Codable, CaseIterable {
        /// The minion's external model; of a local minion the base model.
        case external
        /// The local base model: free, and much worse.
        case base
    }

    /// How the documents are joined to what the minion knows already.
    public var collectionUpdate = CollectionChange.replaceAll
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
    public var evaluation = EvaluationSettings()

    public init() {}

    /// Those that the trainer reads, under the same keys.
    public static let trainerSettings: [Setting<Self>] = [
        .integer("rank", \.rank, 1...256, "Rank of the adapter."),
        .integer("alpha", \.alpha, 1...512, "The adapter's scale is alpha divided by its rank."),
        .number("dropout", \.dropout, 0...0.9, "Share of what enters the adapter that is dropped in training."),
        .object("target_modules", \.targetModules, "Which matrices of the base model get an adapter."),
        .flag("use_rslora", \.useRSLoRA, "Scale by alpha/√rank instead of alpha/rank."),
        .flag("use_dora", \.useDoRA, "Learn magnitude and direction of the weights apart."),
        .number("learning_rate", \.learningRate, 1e-7...1e-1, "The learning rate at its highest."),
        .choice("lr_schedule", \.lrSchedule, "How the learning rate goes over the steps, after its warm-up."),
        .number("warmup", \.warmup, 0...100_000, "Steps of warm-up, or a share of all steps when below 1."),
        .number("weight_decay", \.weightDecay, 0...1, "Decay of the adapter's weights."),
        .number("max_grad_norm", \.maxGradNorm, 0...1000, "Norm to which gradients are clipped; 0: not at all."),
        .integer("epochs", \.epochs, 1...100, "How often the examples are gone through."),
        .integer("max_steps", \.maxSteps, 1...1_000_000, "Steps, instead of epochs."),
        .integer("batch_size", \.batchSize, 1...256, "Examples a batch."),
        .integer("batch_tokens", \.batchTokens, 32...65_536, "Tokens a batch, instead of examples."),
        .integer("gradient_accumulation", \.gradientAccumulation, 1...256, "Batches a step."),
        .flag("gradient_checkpointing", \.gradientCheckpointing, "Less memory, more time."),
        .integer("max_tokens", \.maxTokens, 32...8192, "Longest example, in tokens of the base model."),
        .integer("evaluate_every", \.evaluateEvery, 1...100_000, "Steps between two validations."),
        .integer("patience", \.patience, 1...100, "Validations without a better loss before training ends early."),
        .flag("keep_best", \.keepBest, "Publish the weights of the best validation instead of the last ones."),
        .integer("seed", \.seed, 0...Int(Int32.max), "Of everything that is drawn."),
        .flag("load_in_4bit", \.loadIn4Bit, "The base model in four bits; needs CUDA."),
        .choice("device", \.device, "What computes."),
        .integer("processes", \.processes, 1...64, "Processes on this machine, each with a part of every batch."),
    ]

    public static let settings: [Setting<Self>] =
        trainerSettings + [
            .text("base_model", \.baseModel, atMost: 200, absentAs: .null, "A folder or file of models/."),
            .integer("chunk_tokens", \.chunkTokens, 32...512, "Size of a chunk of the collection, in tokens of the embedder."),
            .integer("chunk_overlap", \.chunkOverlap, 0...256, "What a chunk repeats of the one before, in tokens."),
            .choice("chunk_strategy", \.chunkStrategy, "Where documents are cut."),
            .choice("collection_update", \.collectionUpdate, "What becomes of the documents of the version before."),
            .object("collection_filter", \.collectionFilter, "The documents that go, with replace_matching."),
            .object("embedder", \.embedder, "The model of a provider that makes the collection's vectors."),
            .flag("restyle", \.restyle, "Whether the adapter learns to restyle beside replying."),
            .choice("restyle_paraphraser", \.restyleParaphraser, "Who says the user's replies in plain prose."),
            .number("restyle_budget", \.restyleBudget, 0...100_000, "US dollars that the paraphrases may cost."),
            .integer("restyle_pairs", \.restylePairs, 2...5000, "The most replies that are paraphrased for training."),
            .object("evaluation", \.evaluation, "How what was made is measured."),
        ]
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
