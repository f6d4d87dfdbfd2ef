import Foundation

/// How much a worker takes on, and for how long it may be silent.
public struct WorkerSettings: Sendable {
    /// Jobs at once on this machine, all its workers together.
    public var jobsPerHost: Int
    /// Jobs at once of one user, on all machines; nil for no bound.
    public var jobsPerUser: Int?
    /// How long a job is this worker's without a sign of life.
    public var lease: Duration
    /// How many workers a job may lose in a row without getting on before it is given up.
    public var mostLostWorkers: Int
    /// How long a dataset has to be left alone before jobs are run because it changed.
    public var retrainDelay: Duration
    /// `server` or `worker`, for whoever looks at the list.
    public var kind: String

    public init(
        jobsPerHost: Int = max(1, ProcessInfo.processInfo.activeProcessorCount / 2), jobsPerUser: Int? = nil, lease: Duration = .seconds(15),
        mostLostWorkers: Int = 5, retrainDelay: Duration = .seconds(30), kind: String = "server"
    ) {
        self.jobsPerHost = jobsPerHost
        self.jobsPerUser = jobsPerUser
        self.lease = lease
        self.mostLostWorkers = mostLostWorkers
        self.retrainDelay = retrainDelay
        self.kind = kind
    }
}
