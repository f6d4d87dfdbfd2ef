import Foundation

/// A kept answer with its trace (JSON as the pipeline wrote it).
public struct AnswerRecord: Sendable, Identifiable, Equatable {
    public var id: String
    public var minionID: String
    public var releaseID: String?
    public var question: String
    public var answer: String
    public var trace: String
    public var createdAt: Date

    init(row: Row) throws {
        id = try row.text("id")
        minionID = try row.text("minion_id")
        releaseID = try row.optionalText("release_id")
        question = try row.text("question")
        answer = try row.text("answer")
        trace = try row.jsonText("trace")
        createdAt = try row.date("created_at")
    }
}
