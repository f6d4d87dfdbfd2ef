/// One thing wrong with a definition or a price, by the field it stands in.
public struct DataProblem: Sendable, Codable, Equatable, CustomStringConvertible {
    /// As in the JSON, with indices: `prices[2].input`.
    public var field: String
    /// What is wrong and what would be right.
    public var message: String

    public init(_ field: String, _ message: String) {
        self.field = field
        self.message = message
    }

    public var description: String { "\(field): \(message)" }
}

/// Everything wrong with a piece of data at once, so that it can be mended in one go.
public struct DataProblems: Error, Sendable, Equatable, CustomStringConvertible {
    public var problems: [DataProblem]

    public init(_ problems: [DataProblem]) { self.problems = problems }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
