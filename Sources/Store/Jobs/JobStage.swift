import Foundation

/// What one stage of one attempt took. What was not measured on this machine is absent.
public struct JobStage: Sendable, Encodable, Equatable {
    public enum Outcome: String, Sendable, Codable {
        case running, finished, failed
        /// Stopped, handed back, or its worker was lost.
        case interrupted
    }

    public var stage: String
    public var attempt: Int
    public var outcome: Outcome
    public var startedAt: Date
    public var finishedAt: Date?
    public var seconds: Double?
    /// Of the processes that worked for the stage, sampled while they lived.
    public var cpuSeconds: Double?
    /// Most memory those processes held at once (resident), in bytes.
    public var peakMemoryBytes: Int?
    /// By how much the job's files grew.
    public var diskBytes: Int?

    init(row: Row) throws {
        stage = try row.text("stage")
        attempt = try row.int("attempt")
        outcome = Outcome(rawValue: try row.text("outcome")) ?? .interrupted
        startedAt = try row.date("started_at")
        finishedAt = try row.optionalDate("finished_at")
        seconds = finishedAt.map { $0.timeIntervalSince(startedAt) }
        cpuSeconds = try row.optionalInt("cpu_ms").map { Double($0) / 1000 }
        peakMemoryBytes = try row.optionalInt("peak_memory_bytes")
        diskBytes = try row.optionalInt("disk_bytes")
    }
}

/// What a stage's processes used.
public struct StageUse: Sendable, Equatable, Encodable {
    public var cpuSeconds: Double?
    public var peakMemoryBytes: Int?
    public var diskBytes: Int?

    enum CodingKeys: String, CodingKey {
        case cpuSeconds = "cpu_seconds"
        case peakMemoryBytes = "peak_memory_bytes"
        case diskBytes = "disk_bytes"
    }

    public init(cpuSeconds: Double? = nil, peakMemoryBytes: Int? = nil, diskBytes: Int? = nil) {
        self.cpuSeconds = cpuSeconds
        self.peakMemoryBytes = peakMemoryBytes
        self.diskBytes = diskBytes
    }
}
