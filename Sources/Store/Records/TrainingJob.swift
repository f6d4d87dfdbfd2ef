import Domain
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
    public var retry: JobRetries
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
        retry = try row.optionalJSON("retry") ?? JobRetries()
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
