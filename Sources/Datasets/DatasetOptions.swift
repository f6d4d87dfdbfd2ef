import Foundation

/// How a dataset is read and checked.
public struct DatasetOptions: Sendable {
    /// Longest record in bytes; a longer one is a problem at its line.
    public var maxRecordBytes = 4 << 20
    /// Problems, and warnings, told in full; all are counted.
    public var maxProblems = 100
    /// Tokens of one example above which it is warned of: the trainer's own default.
    public var maxTokens = 1024
    public var tokens: any TokenEstimate = BytesPerToken()
    /// Unknown keys of messages are errors, as at OpenAI, not warnings.
    public var strictKeys = false
    /// Names of the format's fields in this file: `["question": "Frage"]`.
    public var fields: [String: String] = [:]
    /// What is overwritten in the examples handed out; all of it is warned of.
    public var redact: Set<SensitiveKind> = []
    /// Where hashes go that do not fit into memory: files without a name, gone with the process.
    public var scratch = FileManager.default.temporaryDirectory
    /// Hashes of examples held in memory, 16 bytes each, before the rest goes to `scratch`.
    public var hashesInMemory = 1_500_000

    public init() {}
}
