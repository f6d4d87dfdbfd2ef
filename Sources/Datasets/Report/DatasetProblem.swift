import Domain

/// One thing wrong in a dataset, or worth knowing: where, what was found, what was expected, what to do.
public struct DatasetProblem: Sendable, Codable, Equatable {
    /// 1-based line on which the record begins; absent where the file as a whole is meant.
    public var line: Int?
    /// Path inside of the record: `messages[2].content`, a column's name; absent where the whole record is meant.
    public var field: String?
    public var code: DatasetCode
    /// What was found, in words, with an excerpt where that helps.
    public var found: String
    public var expected: String
    /// `found` and `expected` in one sentence.
    public var message: String
    /// What to do about it.
    public var hint: String

    public init(line: Int? = nil, field: String? = nil, code: DatasetCode, found: String, expected: String, hint: String) {
        self.line = line
        self.field = field?.excerpt
        self.code = code
        let found = found.excerpt
        self.found = found
        self.expected = expected
        self.message = expected.isEmpty ? found : "\(found); expected \(expected)"
        self.hint = hint
    }
}

/// A dataset that cannot be used. The report says why.
public struct DatasetInvalid: Error, Sendable {
    public var report: DatasetReport
    public init(_ report: DatasetReport) { self.report = report }
    public var message: String {
        report.examples == 0 && report.problemCount == 1
            ? report.problems[0].message
            : "\(report.problemCount) problem\(report.problemCount == 1 ? "" : "s") in \(report.lines) lines"
    }
}
