import Foundation

/// A file a user trains from (`user_training_datasets`): chat examples or documents.
public struct Dataset: Sendable, Encodable, Identifiable, Equatable {
    /// `jsonl` are chat examples (voice), `rag` are documents (knowledge), `custom` is kept as it is.
    public enum Kind: String, Sendable, Codable, CaseIterable { case jsonl, rag, custom }

    public var id: String
    public var userID: String
    public var datasetName: String
    public var datasetType: Kind
    /// Relative to the data directory; never shown.
    public var filePath: String
    public var fileName: String
    /// Examples of a `jsonl`, documents of a `rag`.
    public var sampleCount: Int
    public var metadata: DatasetMetadata
    public var isActive: Bool
    public var sha256: String
    public var bytes: Int
    /// 1, 2, 3 …: raised by every change of the content.
    public var version: Int
    /// What the records of a `jsonl` are: `openai_chat`, `sharegpt`, …
    public var format: String?
    public var status: String
    public var createdAt: Date
    public var updatedAt: Date

    /// Examples of a `jsonl` that training takes; all of them where that was not counted when they came.
    public var trainableCount: Int { metadata.trainable ?? sampleCount }

    /// Where the text of its documents is, relative to the data directory.
    public var documentsPath: String { DataPaths.documents(sha256: sha256, name: fileName, user: userID) }

    enum CodingKeys: CodingKey {
        case id, userID, datasetName, datasetType, fileName, sampleCount, metadata, isActive, sha256, bytes, version, format, status, createdAt,
            updatedAt
    }

    init(row: Row) throws {
        id = try row.text("id")
        userID = try row.text("user_id")
        datasetName = try row.text("dataset_name")
        datasetType = Kind(rawValue: try row.text("dataset_type")) ?? .custom
        filePath = try row.text("file_path")
        fileName = try row.text("file_name")
        sampleCount = try row.count("sample_count")
        metadata = try row.json("metadata")
        isActive = try row.bool("is_active")
        sha256 = try row.text("sha256")
        bytes = try row.count("bytes")
        version = try row.int("version")
        format = try row.optionalText("format")
        status = try row.text("status")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}

extension Dataset {
    /// What stands in for a column that cannot be read, until its user writes the dataset anew. Sizes are the content's: who gives it
    /// another, or deletes it, mends those.
    static var standIns: [String: SQLValue] {
        ["metadata": "{}", "is_active": 1, "version": 1, "created_at": SQLValue(Date()), "updated_at": SQLValue(Date())]
    }
}

/// What was found in the file when it was read.
public struct DatasetMetadata: Sendable, Codable, Equatable {
    /// Replies in a chat file that are learned from.
    public var replies: Int?
    /// Examples of a chat file that training takes, and why it leaves out the others → how many. Absent in datasets of earlier versions.
    public var trainable: Int?
    public var leftOut: [String: Int]?
    /// Fields of the examples that training does not read → of how many examples; absent where there are none.
    public var fieldsLeftOut: [String: Int]?
    /// How a `jsonl` was said to be read, where it was not told from the content: the format, the encoding (`jsonl`, `csv`, …) and
    /// the names its fields have in the file.
    public var readAs: ReadAs?
    /// What is overwritten wherever the examples are read (`email`, …).
    public var redact: [String]?
    /// What the documents of a `rag` are called by and of which day they are, where they do not say so themselves; filters ask for them.
    public var tags: [String]?
    /// `2026-03-01`.
    public var date: String?
    /// Files that could not be read, by name, with the reason.
    public var problems: [String]?
    /// What of the files that were read was left out, changed or guessed, by name.
    public var warnings: [String]?
    /// The same, one for one, for programs and with what to do; absent in datasets of earlier versions.
    public var problemDetails: [Note]?
    public var warningDetails: [Note]?
    public var description: String?

    public struct ReadAs: Sendable, Codable, Equatable {
        public var format: String?
        public var encoding: String?
        public var fields: [String: String]?

        public init(format: String? = nil, encoding: String? = nil, fields: [String: String]? = nil) {
            self.format = format
            self.encoding = encoding
            self.fields = fields
        }
    }

    /// What was found in one of the files, in the shape of an error's details.
    public struct Note: Sendable, Codable, Equatable {
        /// The file's name; `file.jsonl:17` for a line of a corpus. Absent where several are meant.
        public var field: String?
        /// Stable.
        public var code: String
        public var message: String
        /// What to do about it.
        public var hint: String

        public init(field: String? = nil, code: String, message: String, hint: String) {
            self.field = field
            self.code = code
            self.message = message
            self.hint = hint
        }
    }

    enum CodingKeys: String, CodingKey {
        case replies, redact, tags, date, problems, warnings, description
        case readAs = "read_as"
        case trainable
        case leftOut = "left_out"
        case fieldsLeftOut = "fields_left_out"
        case problemDetails = "problem_details"
        case warningDetails = "warning_details"
    }

    public init(
        replies: Int? = nil, readAs: ReadAs? = nil, redact: [String]? = nil, problems: [String]? = nil, description: String? = nil
    ) {
        self.replies = replies
        self.readAs = readAs
        self.redact = redact
        self.problems = problems
        self.description = description
    }
}

/// What is known of an uploaded file once it is stored.
public struct DatasetDraft: Sendable {
    public var datasetName: String
    public var datasetType: Dataset.Kind
    public var filePath: String
    public var fileName: String
    public var sampleCount: Int
    public var metadata: DatasetMetadata
    public var sha256: String
    public var bytes: Int
    public var format: String?
    /// What was found in the content, as JSON.
    public var report: String?

    public init(
        datasetName: String, datasetType: Dataset.Kind, filePath: String, fileName: String, sampleCount: Int, metadata: DatasetMetadata,
        sha256: String, bytes: Int, format: String? = nil, report: String? = nil
    ) {
        self.datasetName = datasetName
        self.datasetType = datasetType
        self.filePath = filePath
        self.fileName = fileName
        self.sampleCount = sampleCount
        self.metadata = metadata
        self.sha256 = sha256
        self.bytes = bytes
        self.format = format
        self.report = report
    }
}
