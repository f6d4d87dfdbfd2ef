import Domain
import Foundation

/// A LoRA adapter on disk: PEFT files and `adapter.gguf`.
public struct Adapter: Sendable, Encodable, Identifiable, Equatable {
    public var id: String
    public var userID: String
    /// The one that trained it; absent for one that was imported.
    public var jobID: String?
    public var baseModel: String
    public var rank: Int
    /// Relative to the data directory; never shown.
    public var path: String
    /// Of `adapter.gguf`.
    public var sha256: String
    public var bytes: Int
    public var createdAt: Date

    enum CodingKeys: CodingKey { case id, jobID, baseModel, rank, sha256, bytes, createdAt }

    init(row: Row) throws {
        id = try row.text("id")
        userID = try row.text("user_id")
        jobID = try row.optionalText("job_id")
        baseModel = try row.text("base_model")
        rank = try row.count("rank")
        path = try row.text("path")
        sha256 = try row.text("sha256")
        bytes = try row.count("bytes")
        createdAt = try row.date("created_at")
    }
}

/// An indexed set of documents. Its files are one folder a version.
public struct Collection: Sendable, Encodable, Identifiable, Equatable {
    public var id: String
    public var name: String
    public var embedder: String
    public var dimension: Int
    /// The one that answers; 0 until the first is finished.
    public var version: Int
    /// The minion it was built for.
    public var minionID: String?
    /// The one under construction, or whose construction was interrupted.
    public var buildingVersion: Int?
    public var documentCount: Int
    public var chunkCount: Int
    public var bytes: Int
    public var createdAt: Date
    public var updatedAt: Date

    init(row: Row) throws {
        id = try row.text("id")
        name = try row.text("name")
        embedder = try row.text("embedder")
        dimension = try row.count("dimension")
        version = try row.int("version")
        minionID = try row.optionalText("minion_id")
        buildingVersion = try row.optionalInt("building_version")
        documentCount = try row.count("document_count")
        chunkCount = try row.count("chunk_count")
        bytes = try row.count("bytes")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}

/// What a job gives a minion: an adapter, a collection version, and how they were measured. Its content never
/// changes; its state does.
public struct Release: Sendable, Encodable, Identifiable, Equatable {
    public enum State: String, Sendable, Codable, CaseIterable {
        /// Made, and not answering yet.
        case candidate
        /// Answers a share of the requests, on trial.
        case canary
        /// Answers.
        case active
        /// Has answered, and gave its place to a later one.
        case retired
        /// Was taken back, by a rollback or a failed trial.
        case rejected
    }

    public var id: String
    public var minionID: String
    public var jobID: String?
    /// 1, 2, 3 … per minion.
    public var number: Int
    public var adapterID: String?
    public var collectionID: String?
    public var collectionVersion: Int?
    public var evaluation: ReleaseEvaluation
    public var state: State
    /// How it came to its state, in words.
    public var reason: String?
    /// Its address: SHA-256 of ``content``; absent for those made before there were any.
    public var contentSHA256: String?
    /// Canonical JSON, see ``ReleaseContent``.
    public var content: String?
    public var createdAt: Date
    /// When it last became active.
    public var promotedAt: Date?

    enum CodingKeys: String, CodingKey {
        case id, minionID, jobID, number, adapterID, collectionID, collectionVersion, evaluation, state, reason, createdAt, promotedAt
        case contentSHA256 = "content_sha256"
    }

    init(row: Row) throws {
        id = try row.text("id")
        minionID = try row.text("minion_id")
        jobID = try row.optionalText("job_id")
        number = try row.int("number")
        adapterID = try row.optionalText("adapter_id")
        collectionID = try row.optionalText("collection_id")
        collectionVersion = try row.optionalInt("collection_version")
        evaluation = try row.json("evaluation")
        state = State(rawValue: try row.text("state")) ?? .retired
        reason = try row.optionalText("reason")
        contentSHA256 = try row.optionalText("content_sha256")
        content = try row.optionalText("content")
        createdAt = try row.date("created_at")
        promotedAt = try row.optionalDate("promoted_at")
    }
}

extension Release {
    /// What ``content`` says.
    /// - Throws: ``UnreadableRow``.
    public func readContent() throws -> ReleaseContent? {
        guard let content else { return nil }
        return try Row(["id": .text(id), "content": .text(content)]).json("content")
    }
}

/// A release about to be made, with the rows it brings.
public struct ReleaseDraft: Sendable {
    public struct NewAdapter: Sendable {
        public var id, baseModel, path, sha256: String
        public var rank, bytes: Int
        /// Over names and hashes of what lies beside it for answers.
        public var companions: String?
        public init(id: String, baseModel: String, path: String, sha256: String, rank: Int, bytes: Int, companions: String? = nil) {
            self.companions = companions
            self.id = id
            self.baseModel = baseModel
            self.path = path
            self.sha256 = sha256
            self.rank = rank
            self.bytes = bytes
        }
    }

    public struct NewCollection: Sendable {
        public var id, name, embedder: String
        public var dimension, version, documentCount, chunkCount, bytes: Int
        /// Over names and hashes of the files of its plain form.
        public var sha256: String?
        public init(
            id: String, name: String, embedder: String, dimension: Int, version: Int, documentCount: Int, chunkCount: Int, bytes: Int,
            sha256: String? = nil
        ) {
            self.sha256 = sha256
            self.id = id
            self.name = name
            self.embedder = embedder
            self.dimension = dimension
            self.version = version
            self.documentCount = documentCount
            self.chunkCount = chunkCount
            self.bytes = bytes
        }
    }

    public var adapter: NewAdapter?
    public var collection: NewCollection?
    public var evaluation: ReleaseEvaluation
    /// The models the new parts belong to.
    public var base: ReleaseContent.Model?
    public var embedder: ReleaseContent.Model?

    public init(
        adapter: NewAdapter?, collection: NewCollection?, evaluation: ReleaseEvaluation, base: ReleaseContent.Model? = nil,
        embedder: ReleaseContent.Model? = nil
    ) {
        self.adapter = adapter
        self.collection = collection
        self.evaluation = evaluation
        self.base = base
        self.embedder = embedder
    }
}
