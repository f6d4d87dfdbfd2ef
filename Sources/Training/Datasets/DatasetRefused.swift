import Datasets
import Knowledge

/// An upload that cannot be used, with up to 100 of its problems and how many there are.
public struct DatasetRefused: Error, Sendable {
    public struct Problem: Sendable, Equatable {
        /// 1-based; absent where no line is meant.
        public var line: Int?
        /// A path inside of the record, or a document's name.
        public var field: String?
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

        init(_ problem: DatasetProblem) {
            self.init(line: problem.line, field: problem.field, code: problem.code.rawValue, message: problem.message, hint: problem.hint)
        }
    }

    public var message: String
    public var problems: [Problem]
    public var count: Int

    public init(message: String, problems: [Problem], count: Int? = nil) {
        self.message = message
        self.problems = problems
        self.count = count ?? problems.count
    }

    init(_ report: DatasetReport) {
        if report.problemCount == 0, let nothing = report.nothingToTrain {
            let problems = report.leftOut.ordered.map { reason, count in
                Problem(code: reason.rawValue, message: "\(count) example\(count == 1 ? "" : "s") \(reason.inWords)", hint: reason.hint)
            }
            self.init(message: nothing, problems: problems)
            return
        }
        self.init(
            message: DatasetInvalid(report).message,
            problems: report.problems.prefix(100).map(Problem.init), count: report.problemCount)
    }

    init(_ problems: [DocumentProblem]) {
        self.init(
            message: "no readable document in the file",
            // Bounded where they are collected; an entry without a name counts the others.
            problems: problems.map { Problem(field: $0.name.isEmpty ? nil : $0.name, code: $0.code, message: $0.message, hint: $0.hint) })
    }

    static let empty = DatasetRefused(
        message: "the file is empty",
        problems: [Problem(code: "empty_file", message: "0 bytes received", hint: "send the file as the request's body")])
}
