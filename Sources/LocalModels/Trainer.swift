import Foundation

/// Settings of one LoRA run, as `engine/train.py` reads them.
public struct TrainerConfig: Sendable, Encodable {
    /// A Hugging Face folder or a GGUF file.
    public var baseModel: String
    /// Chat JSONL files.
    public var train: String
    public var validation: String
    public var rank: Int
    public var alpha: Int
    public var dropout: Double
    public var learningRate: Double
    public var epochs: Int
    public var batchSize: Int
    public var maxTokens: Int
    public var seed: Int
    public var threads: Int

    enum CodingKeys: String, CodingKey {
        case train, validation, rank, alpha, dropout, epochs, seed, threads
        case baseModel = "base_model"
        case learningRate = "learning_rate"
        case batchSize = "batch_size"
        case maxTokens = "max_tokens"
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

/// One line the trainer printed; which fields are there depends on `event`.
public struct TrainerEvent: Sendable, Codable, Equatable {
    public var event: String
    public var step: Int?
    public var steps: Int?
    public var epoch: Double?
    public var examples: Int?
    public var validationExamples: Int?
    /// Tokens trained on so far, and over all epochs.
    public var tokens: Int?
    public var tokensTotal: Int?
    public var replyTokens: Int?
    /// Mean negative log-likelihood per reply token.
    public var loss: Double?
    public var baseValidationLoss: Double?
    public var learningRate: Double?
    public var tokensPerSecond: Double?
    public var secondsLeft: Double?
    public var message: String?
    public var done: Int?
    public var of: Int?

    enum CodingKeys: String, CodingKey {
        case event, step, steps, epoch, examples, tokens, loss, message, done, of
        case validationExamples = "validation_examples"
        case tokensTotal = "tokens_total"
        case replyTokens = "reply_tokens"
        case baseValidationLoss = "base_validation_loss"
        case learningRate = "learning_rate"
        case tokensPerSecond = "tokens_per_second"
        case secondsLeft = "seconds_left"
    }
}

/// What the trainer wrote into `exit.json`, its own record of having finished.
public struct TrainerResult: Sendable, Decodable, Equatable {
    public var trainLoss: Double?
    public var validationLoss: Double?
    public var baseValidationLoss: Double?
    public var replyTokens: Int
    public var steps: Int
    public var seconds: Double
    /// Of `adapter.gguf`.
    public var sha256: String
    public var rank: Int

    enum CodingKeys: String, CodingKey {
        case steps, seconds, sha256, rank
        case trainLoss = "train_loss"
        case validationLoss = "validation_loss"
        case baseValidationLoss = "base_validation_loss"
        case replyTokens = "reply_tokens"
    }
}

/// Runs `engine/train.py` in a child process of low priority.
public struct Trainer: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Trains and exports into `output` (`peft/`, `adapter.gguf`, `exit.json`). Cancelling the task
    /// ends the child within a second. Only `exit.json` makes it a success: an exit status alone
    /// never does.
    public func train(_ config: TrainerConfig, into output: URL, onEvent: @Sendable (TrainerEvent) async throws -> Void) async throws -> TrainerResult
    {
        if let missing = paths.missing() { throw missing }
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let configuration = output.appending(path: "job.json")
        try JSONEncoder().encode(config).write(to: configuration)
        let record = output.appending(path: "exit.json")
        try? FileManager.default.removeItem(at: record)

        let child = Child(paths.command("train.py", ["--config", configuration.path, "--out", output.path], lowPriority: true))
        try await withTaskCancellationHandler {
            do {
                var reader = ByteReader(child.output)
                while let line = await reader.line() {
                    guard let event = try? JSONDecoder().decode(TrainerEvent.self, from: line) else { continue }
                    try await onEvent(event)
                }
            } catch {
                await child.stop()
                throw error
            }
        } onCancel: {
            Task { await child.stop() }
        }
        if Task.isCancelled {
            await child.stop()
            throw CancellationError()
        }
        return try result(record, await child.exit)
    }

    private func result(_ record: URL, _ exit: ChildExit) throws -> TrainerResult {
        struct Record: Decodable {
            struct Failure: Decodable {
                var code: String
                var message: String
                var hint: String?
            }
            var status: String
            var error: Failure?
        }
        guard let data = try? Data(contentsOf: record), let written = try? JSONDecoder().decode(Record.self, from: data) else {
            let killed = exit.status == -9 ? " (killed: often the machine ran out of memory)" : ""
            throw LocalModelError(
                code: "trainer_died", message: "the trainer ended without its exit record\(killed): \(exit.lastErrorLine)",
                hint: "start the job again; with little memory, lower batch_size or max_tokens")
        }
        guard written.status == "completed" else {
            throw LocalModelError(
                code: written.error?.code ?? "trainer_failed", message: written.error?.message ?? "the trainer failed", hint: written.error?.hint)
        }
        return try JSONDecoder().decode(TrainerResult.self, from: data)
    }
}
