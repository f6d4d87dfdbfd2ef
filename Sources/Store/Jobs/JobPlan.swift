import Domain

/// When and how a job is run, beside what it trains.
public struct JobPlan: Sendable, Equatable {
    /// Among its user's own jobs, -10 to 10: the higher, the sooner.
    public var priority = 0
    /// Absent for the standard.
    public var retry: JobRetries?
    /// Each time it names starts a run: a job of its own, made like this one.
    public var schedule: JobSchedule?
    /// Whether a run is started when a dataset of the job has other content.
    public var retrainOnChange = false

    public init() {}

    public static let priorities = -10...10
}

/// Which job a run was made from, and why.
public struct JobOrigin: Sendable, Encodable, Equatable {
    public enum Cause: String, Sendable, Codable {
        case schedule
        case datasetChange = "dataset_change"
    }

    public var jobID: String
    public var cause: Cause
}
