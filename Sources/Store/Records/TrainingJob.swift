import Foundation

/// One run from datasets to a release (`external_training_jobs`).
public struct TrainingJob: Sendable, Encodable, Identifiable, Equatable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case hybrid
        case ragOnly = "rag_only"
        case loraOnly = "lora_only"

        public var trainsAdapter: Bool { self != .ragOnly }
        public var buildsCollection: Bool { self != .loraOnly }
    }

    public enum Status: String, Sendable, Codable, CaseIterable {
        case pending = "PENDING"
        case queued = "QUEUED"
        case running = "RUNNING"
        case completed = "COMPLETED"
        case failed = "FAILED"
        case stopped = "STOPPED"

        public var isActive: Bool { self == .queued || self == .running }
    }

    public var id: String
    public var userID: String
    public var minionID: String
    public var jobName: String
    public var provider: String
    public var modelID: String
    public var trainingType: Kind
    public var status: Status
    /// 0…1, from work done.
    public var progress: Double
    public var config: TrainingConfig
    public var datasetIDs: [String]
    public var errorMessage: String?
    public var error: JobFailure?
    /// How often a worker has begun or gone on with it.
    public var attempt: Int
    public var stage: String?
    /// What each stage of each attempt took.
    public var stages: [JobStage]
    /// How often a failure was followed by another try since the job was started.
    public var retries: Int
    public var priority: Int
    public var retry: RetryPolicy
    public var schedule: JobSchedule?
    /// When the schedule starts the next run.
    public var nextRunAt: Date?
    public var retrainOnChange: Bool
    /// Queued, but not before this time.
    public var runAt: Date?
    /// Absent for a job that somebody made.
    public var origin: JobOrigin?
    /// The worker that has it now.
    public var worker: String?
    public var releaseID: String?
    public var createdAt: Date
    public var updatedAt: Date
    public var startedAt: Date?
    public var completedAt: Date?

    init(row: Row, datasetIDs: [String], stages: [JobStage]) throws {
        id = try row.text("id")
        userID = try row.text("user_id")
        minionID = try row.text("minion_id")
        jobName = try row.text("job_name")
        provider = try row.text("provider")
        modelID = try row.text("model_id")
        trainingType = Kind(rawValue: try row.text("training_type")) ?? .hybrid
        status = Status(rawValue: try row.text("status")) ?? .failed
        progress = try row.double("progress")
        config = try row.json("config")
        self.datasetIDs = datasetIDs
        errorMessage = try row.optionalText("error_message")
        error = try row.optionalJSON("error")
        attempt = try row.int("attempt")
        stage = try row.optionalText("stage")
        self.stages = stages
        retries = try row.int("retries")
        priority = try row.int("priority")
        retry = try row.optionalJSON("retry") ?? RetryPolicy()
        schedule = try row.optionalJSON("schedule")
        nextRunAt = try row.optionalDate("schedule_at")
        retrainOnChange = try row.bool("retrain_on_change")
        runAt = try row.optionalDate("run_at")
        origin = try row.optionalText("origin_id").map {
            JobOrigin(jobID: $0, cause: JobOrigin.Cause(rawValue: try row.text("origin_cause")) ?? .schedule)
        }
        worker = status == .running ? try row.optionalText("lease_owner").map(WorkerRecord.name(ofOwner:)) : nil
        releaseID = try row.optionalText("release_id")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
        startedAt = try row.optionalDate("started_at")
        completedAt = try row.optionalDate("completed_at")
    }

    /// What stands in for a column that cannot be read, until its user writes the job anew.
    static var standIns: [String: SQLValue] {
        [
            "config": "{}", "retry": nil, "schedule": nil, "schedule_at": nil, "error": nil, "progress": 0, "attempt": 0, "retries": 0, "priority": 0,
            "retrain_on_change": 0, "run_at": nil, "started_at": nil, "completed_at": nil, "created_at": SQLValue(Date()),
            "updated_at": SQLValue(Date()),
        ]
    }

    static func load(_ rows: [Row], _ connection: any Connection) throws -> [TrainingJob] {
        try rows.map { row in
            let datasets = try connection.query(
                "SELECT dataset_id FROM training_job_datasets WHERE job_id = $1 ORDER BY dataset_id", .text(row.text("id")))
            let stages = try connection.query(
                "SELECT * FROM job_stages WHERE job_id = $1 ORDER BY attempt, started_at, stage", .text(row.text("id")))
            return try TrainingJob(row: row, datasetIDs: datasets.map { try $0.text("dataset_id") }, stages: stages.readable(JobStage.init))
        }
    }
}

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
    public var chunkStrategy: ChunkStrategy
    /// The model of the user's providers that makes the collection's vectors; nil for this server's own.
    public var embedder: ModelRoute?

    public enum ChunkStrategy: String, Sendable, Codable, CaseIterable {
        /// By headings, paragraphs, lists, tables and code, then by tokens.
        case structural
        /// By tokens alone.
        case fixed
        /// A question with its answer, a record or a row each.
        case rows
    }

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
    public var collectionFilter: DocumentSelection?

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
        chunkStrategy: ChunkStrategy = .structural, collectionUpdate: CollectionChange = .replaceAll, embedder: ModelRoute? = nil,
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

/// The part of a job its user writes.
public struct TrainingJobDraft: Sendable {
    public var jobName: String
    public var minionID: String
    public var trainingType: TrainingJob.Kind
    public var datasetIDs: [String]
    public var config: TrainingConfig
    /// Whether its release stays a candidate, whatever the minion's policy says.
    public var holdsRelease: Bool
    public var plan = JobPlan()

    public init(
        jobName: String, minionID: String, trainingType: TrainingJob.Kind, datasetIDs: [String], config: TrainingConfig = .init(),
        holdsRelease: Bool = false
    ) {
        self.holdsRelease = holdsRelease
        self.jobName = jobName
        self.minionID = minionID
        self.trainingType = trainingType
        self.datasetIDs = datasetIDs
        self.config = config
    }
}

/// One line of a job's history: append-only, replayed from any `seq`.
public struct JobEvent: Sendable, Equatable {
    public var jobID: String
    /// 1, 2, 3 … without gaps.
    public var seq: Int
    public var at: Date
    /// `stage`, `progress`, `validation`, `log`, `failed`, `stopped`, `completed`, …
    public var type: String
    /// JSON object.
    public var payload: String

    init(row: Row) throws {
        jobID = try row.text("job_id")
        seq = try row.int("seq")
        at = try row.date("at")
        type = try row.text("type")
        payload = try row.text("payload")
    }
}
