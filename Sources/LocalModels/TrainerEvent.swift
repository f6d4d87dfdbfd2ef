import Foundation

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
    /// Whether no validation before had a lower loss.
    public var best: Bool?
    public var learningRate: Double?
    public var tokensPerSecond: Double?
    public var secondsLeft: Double?
    public var message: String?
    /// Of a warning: what it is about, of how many examples, and what to do.
    public var code: String?
    public var count: Int?
    public var hint: String?
    public var done: Int?
    public var of: Int?
    /// Of all attempts together, but for the memory, which is the largest of the last one.
    public var seconds: Double?
    public var cpuSeconds: Double?
    public var peakMemoryBytes: Int?
    public var diskBytes: Int?

    enum CodingKeys: String, CodingKey {
        case event, step, steps, epoch, examples, tokens, loss, best, message, code, count, hint, done, of, seconds
        case validationExamples = "validation_examples"
        case tokensTotal = "tokens_total"
        case replyTokens = "reply_tokens"
        case baseValidationLoss = "base_validation_loss"
        case learningRate = "learning_rate"
        case tokensPerSecond = "tokens_per_second"
        case secondsLeft = "seconds_left"
        case cpuSeconds = "cpu_seconds"
        case peakMemoryBytes = "peak_memory_bytes"
        case diskBytes = "disk_bytes"
    }
}

/// What the trainer wrote into `exit.json`, its own record of having finished.
public struct TrainerResult: Sendable, Decodable, Equatable {
    /// Of the settings, the examples and the base model.
    public var fingerprint: String
    public var trainLoss: Double?
    public var validationLoss: Double?
    public var baseValidationLoss: Double?
    /// That were trained on and measured with; absent in records of earlier versions.
    public var examples: Int?
    public var validationExamples: Int?
    public var replyTokens: Int
    public var steps: Int
    /// Of all attempts.
    public var seconds: Double
    public var cpuSeconds: Double
    public var peakMemoryBytes: Int
    /// Of `adapter.gguf`.
    public var sha256: String
    public var rank: Int

    enum CodingKeys: String, CodingKey {
        case fingerprint, steps, seconds, sha256, rank, examples
        case validationExamples = "validation_examples"
        case trainLoss = "train_loss"
        case validationLoss = "validation_loss"
        case baseValidationLoss = "base_validation_loss"
        case replyTokens = "reply_tokens"
        case cpuSeconds = "cpu_seconds"
        case peakMemoryBytes = "peak_memory_bytes"
    }
}
