import Foundation

/// One chat example, as training reads it.
public struct ChatExample: Sendable, Codable, Equatable {
    public struct Message: Sendable, Codable, Equatable {
        public var role: String
        public var content: String
    }
    public var messages: [Message]

    /// One line of JSON with sorted keys: equal examples are equal text.
    public func line() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

/// One thing wrong in a dataset: where, what was found, what was expected.
public struct DatasetProblem: Sendable, Codable, Equatable {
    /// 1-based; absent for a document.
    public var line: Int?
    public var field: String?
    /// OpenAI's codes where they have one: `missing_messages_list`, `unrecognized_role`, …
    public var code: String
    public var message: String
    public var hint: String

    public init(line: Int? = nil, field: String? = nil, code: String, message: String, hint: String) {
        self.line = line
        self.field = field
        self.code = code
        self.message = message
        self.hint = hint
    }
}

/// A dataset that cannot be used, with up to 100 of its problems and how many there are.
public struct DatasetInvalid: Error, Sendable {
    public var message: String
    public var problems: [DatasetProblem]
    public var count: Int

    public init(message: String, problems: [DatasetProblem], count: Int? = nil) {
        self.message = message
        self.problems = problems
        self.count = count ?? problems.count
    }
}
