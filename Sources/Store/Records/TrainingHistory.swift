import Domain
import Foundation

/// A dataset as a job was given it; what became of the dataset since is not told.
public struct JobInput: Sendable, Encodable, Equatable {
    public var datasetID: String
    public var datasetName: String
    public var datasetType: String
    public var version: Int
    public var sha256: String
    public var bytes: Int
    public var sampleCount: Int

    /// Keeps what a job is about to be trained from.
    static func note(_ connection: any Connection, job: String) throws {
        try connection.query("DELETE FROM job_inputs WHERE job_id = $1", .text(job))
        try connection.query(
            """
            INSERT INTO job_inputs (job_id, dataset_id, user_id, dataset_name, dataset_type, version, sha256, bytes, sample_count)
            SELECT j.job_id, d.id, d.user_id, d.dataset_name, d.dataset_type, d.version, d.sha256, d.bytes, d.sample_count
            FROM training_job_datasets j JOIN user_training_datasets d ON d.id = j.dataset_id WHERE j.job_id = $1
            """, .text(job))
    }

    init(row: Row) throws {
        datasetID = try row.text("dataset_id")
        datasetName = try row.text("dataset_name")
        datasetType = try row.text("dataset_type")
        version = try row.int("version")
        sha256 = try row.text("sha256")
        bytes = try row.int("bytes")
        sampleCount = try row.int("sample_count")
    }
}

/// A training in a few points.
public struct TrainingCurve: Sendable, Encodable, Equatable {
    /// Most points that are told.
    static let points = 40

    public struct Point: Sendable, Encodable, Equatable {
        public var step: Int
        /// Mean of the steps since the point before.
        public var loss: Double
    }

    public struct Validation: Sendable, Encodable, Equatable {
        public var step: Int?
        public var loss: Double
    }

    public var train: [Point]
    public var validation: [Validation]

    /// - Parameter steps: step and loss, in order.
    init(steps: [(step: Int, loss: Double)], validation: [Validation]) {
        self.validation = validation
        let size = max(1, (steps.count + Self.points - 1) / Self.points)
        train = stride(from: 0, to: steps.count, by: size).map { start in
            let part = steps[start..<min(start + size, steps.count)]
            return Point(step: part.last!.step, loss: part.reduce(0) { $0 + $1.loss } / Double(part.count))
        }
    }
}

/// What is different from the minion's job before.
public struct TrainingChanges: Sendable, Encodable, Equatable {
    /// The job it is held against.
    public var since: String
    /// Setting → what it was and is, as JSON.
    public var config: [String: Change]
    public var datasetsAdded: [String]
    public var datasetsRemoved: [String]
    /// By name, those that have other content.
    public var datasetsChanged: [String]
    public var trainingType: Change?

    public struct Change: Sendable, Encodable, Equatable {
        public var from: String
        public var to: String
    }

    init(since: String, from earlier: HistoryItem, to later: HistoryItem) throws {
        self.since = since
        func settings(_ config: TrainingConfig) throws -> [String: String] {
            let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(config)) as? [String: Any] ?? [:]
            return try object.mapValues {
                String(
                    decoding: try JSONSerialization.data(withJSONObject: $0, options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes]),
                    as: UTF8.self)
            }
        }
        let (old, new) = (try settings(earlier.job.config), try settings(later.job.config))
        config = [:]
        for key in Set(old.keys).union(new.keys) where old[key] != new[key] {
            config[key] = Change(from: old[key] ?? "null", to: new[key] ?? "null")
        }
        if earlier.job.trainingType != later.job.trainingType {
            trainingType = Change(from: earlier.job.trainingType.rawValue, to: later.job.trainingType.rawValue)
        }
        let before = Dictionary(earlier.inputs.map { ($0.datasetID, $0) }, uniquingKeysWith: { $1 })
        let after = Dictionary(later.inputs.map { ($0.datasetID, $0) }, uniquingKeysWith: { $1 })
        datasetsAdded = after.values.filter { before[$0.datasetID] == nil }.map(\.datasetName).sorted()
        datasetsRemoved = before.values.filter { after[$0.datasetID] == nil }.map(\.datasetName).sorted()
        datasetsChanged = after.values.filter { before[$0.datasetID].map { $0.sha256 } ?? $0.sha256 != $0.sha256 }.map(\.datasetName).sorted()
    }
}

/// One job of a minion's history, with what went in and what came out.
public struct HistoryItem: Sendable, Encodable, Identifiable, Equatable {
    public var job: TrainingJob
    public var inputs: [JobInput]
    /// Absent where nothing was trained.
    public var curve: TrainingCurve?
    /// What came of it; absent where nothing did.
    public var release: Release?
    /// Against the minion's job before; absent for the first.
    public var changes: TrainingChanges?

    public var id: String { job.id }

    enum CodingKeys: CodingKey { case inputs, curve, release, changes }

    /// The job's own fields, and beside them what is told of it here.
    public func encode(to encoder: any Encoder) throws {
        try job.encode(to: encoder)
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(inputs, forKey: .inputs)
        try fields.encodeIfPresent(curve, forKey: .curve)
        try fields.encodeIfPresent(release, forKey: .release)
        try fields.encodeIfPresent(changes, forKey: .changes)
    }
}
