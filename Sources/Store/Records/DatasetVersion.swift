import Foundation

/// What a dataset's content was at one time. Only the newest is kept; of the others, that they were.
public struct DatasetVersion: Sendable, Encodable, Equatable {
    public var number: Int
    /// `create`, `append`, `replace`, `merge` or `remove`.
    public var change: String
    public var sha256: String
    public var bytes: Int
    public var sampleCount: Int
    public var createdAt: Date

    init(row: Row) throws {
        number = try row.int("number")
        change = try row.text("change_kind")
        sha256 = try row.text("sha256")
        bytes = try row.count("bytes")
        sampleCount = try row.count("sample_count")
        createdAt = try row.date("created_at")
    }
}
