/// One thing wrong with a definition or a price, by the field it stands in.
public struct DataProblem: Sendable, Codable, Equatable, CustomStringConvertible {
    /// As in the JSON, with indices: `prices[2].input`; cut where it is very long.
    public var field: String
    /// What is wrong and what would be right; cut too.
    public var message: String

    public init(_ field: String, _ message: String) {
        func cut(_ text: String, _ length: Int) -> String { text.utf8.count > length ? String(text.unicodeScalars.prefix(length)) + "…" : text }
        self.field = cut(field, 200)
        self.message = cut(message, 1000)
    }

    public var description: String { "\(field): \(message)" }
}

/// Everything wrong with a piece of data at once, so that it can be mended in one go; of very much the beginning.
public struct DataProblems: Error, Sendable, Equatable, CustomStringConvertible {
    /// More are counted, not listed.
    public static let limit = 50

    /// ``limit`` at most.
    public private(set) var problems: [DataProblem]
    /// How many there are beside those.
    public private(set) var unlisted: Int

    public init(_ problems: [DataProblem], unlisted: Int = 0) {
        self.problems = Array(problems.prefix(Self.limit))
        self.unlisted = unlisted + max(0, problems.count - Self.limit)
    }

    public var description: String {
        (problems.map(\.description) + (unlisted > 0 ? ["and \(unlisted) more"] : [])).joined(separator: "\n")
    }
}
