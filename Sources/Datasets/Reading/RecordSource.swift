/// One record's text and where it stands, or why it could not be had.
struct Record {
    enum Content {
        /// Valid until the next record is asked for, with ``PaddedBytes/padding`` readable bytes behind.
        case bytes(Bytes)
        indirect case problem(DatasetProblem)
    }
    /// 1-based line it begins on.
    var line: Int
    var content: Content
}

/// Cuts a file into records. Blank lines are no records.
protocol RecordSource: AnyObject {
    /// - Throws: errors of the file system and of cancellation.
    func next() throws -> Record?
    /// Lines seen so far.
    var lines: Int { get }
}

extension DatasetProblem {
    static func tooLong(line: Int, bytes: Int, limit: Int, what: String = "line") -> DatasetProblem {
        DatasetProblem(
            line: line, code: .lineTooLong, found: "a \(what) of \(bytes) bytes", expected: "at most \(limit)",
            hint: "one example is one \(what); split the conversation, or look for missing line ends")
    }
}
