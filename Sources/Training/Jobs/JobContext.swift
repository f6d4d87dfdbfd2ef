import Files
import Foundation
import Logging
import Store

/// What a stage may do to the job it works on: write its history, and use the job's own folder.
public struct JobContext: Sendable {
    public let job: TrainingJob
    public let worker: String
    public let queue: JobQueue
    public let data: DataDirectory
    public let logger: Logger
    /// Where this stage begins and ends on the job's scale of 0…1.
    var range: ClosedRange<Double> = 0...1
    var stage = "prepare"

    init(job: TrainingJob, worker: String, queue: JobQueue, data: DataDirectory, logger: Logger) {
        self.job = job
        self.worker = worker
        self.queue = queue
        self.data = data
        self.logger = logger
    }

    /// The job's working folder, relative to the data directory.
    var folder: String { DataPaths.job(job.id, user: job.userID) }

    func stage(_ name: String, _ range: ClosedRange<Double>) -> JobContext {
        var context = self
        context.stage = name
        context.range = range
        return context
    }

    /// - Parameter fraction: of this stage, 0…1.
    func progress(_ fraction: Double, _ details: ProgressDetails = .init()) async throws {
        let overall = range.lowerBound + (range.upperBound - range.lowerBound) * min(max(fraction, 0), 1)
        var payload = details
        payload.stage = stage
        payload.progress = overall
        let (now, entry) = (Date(), payload)
        try await persisted {
            try await queue.record(job.id, worker: worker, type: "progress", payload: entry, progress: overall, stage: stage, at: now, again: $0)
        }
    }

    func event(_ type: String, _ payload: some Encodable & Sendable) async throws {
        let now = Date()
        try await persisted {
            try await queue.record(job.id, worker: worker, type: type, payload: payload, progress: nil, stage: stage, at: now, again: $0)
        }
    }

    /// That the stage began or ended, and what it used.
    func record(_ outcome: JobStage.Outcome, _ event: some Encodable & Sendable, use: StageUse = .init()) async throws {
        let now = Date()
        try await persisted {
            try await queue.record(stage: stage, of: job, worker: worker, outcome: outcome, use: use, event: event, at: now, again: $0)
        }
    }

    /// Removes a file or folder that another attempt at the job may have made its own: only while the job is this attempt's.
    /// It is set aside first, and comes back if the job was lost by then.
    /// - Parameter path: relative to the data directory; nothing happens where nothing is.
    /// - Throws: `CancellationError` where the job is another's.
    func remove(_ path: String) async throws {
        guard FileManager.default.fileExists(atPath: data.url(path).path) else { return }
        let aside = "\(path).aside.\(job.attempt)"
        try data.remove(aside)
        try FileManager.default.moveItem(at: data.url(path), to: data.url(aside))
        let isOurs = (try? await persisted { _ in try await queue.holds(job.id, worker: worker) }) ?? false
        guard isOurs else {
            // Where another has put something in its place, that stays.
            if (try? FileManager.default.moveItem(at: data.url(aside), to: data.url(path))) == nil { try data.remove(aside) }
            throw CancellationError()
        }
        try data.remove(aside)
    }

    /// Writes to the database, however long that is away: nothing that was worked for is lost with it. Ends when the job
    /// is no longer ours, which cancels the task.
    /// - Parameter write: told whether an earlier try may have succeeded all the same.
    @discardableResult
    func persisted<T>(_ write: (_ again: Bool) async throws -> T) async throws -> T {
        var again = false
        while true {
            do { return try await write(again) } catch let error as DatabaseError where error.isTransient {
                if case .unknownOutcome = error { again = true }
                logger.warning("job \(job.id): \(error); trying again")
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }
}

/// The payload of a `progress` event; what does not apply is absent.
public struct ProgressDetails: Sendable, Codable, Equatable {
    public var stage: String?
    /// Of the whole job, 0…1.
    public var progress: Double?
    public var message: String?
    public var step: Int?
    public var steps: Int?
    public var epoch: Double?
    /// Training loss of the step: mean negative log-likelihood per reply token.
    public var loss: Double?
    public var learningRate: Double?
    public var tokens: Int?
    public var tokensTotal: Int?
    public var tokensPerSecond: Double?
    public var chunks: Int?
    public var chunksTotal: Int?
    public var documents: Int?
    /// Of this stage.
    public var secondsLeft: Double?

    enum CodingKeys: String, CodingKey {
        case stage, progress, message, step, steps, epoch, loss, tokens, chunks, documents
        case learningRate = "learning_rate"
        case tokensTotal = "tokens_total"
        case tokensPerSecond = "tokens_per_second"
        case chunksTotal = "chunks_total"
        case secondsLeft = "seconds_left"
    }

    public init() {}
}
