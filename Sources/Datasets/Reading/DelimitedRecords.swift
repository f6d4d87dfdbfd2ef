import Foundation

/// CSV and TSV (RFC 4180): each row is a record, handed out as the JSON object of its header's names and its cells.
///
/// Rows may span lines inside of quotes. A quote inside of an unquoted cell is text, as most programs read it. Excel's own first line,
/// `sep=;`, is none of the rows.
final class DelimitedRecords: RecordSource {
    private let window: ByteWindow
    private let limit: Int
    private let fields: [String: String]
    private var cells: DelimitedRow
    private var header: DelimitedHeader?
    private(set) var lines = 0
    private var output = PaddedBytes()
    private var stopped = false
    let delimiter: UInt8

    init(_ window: ByteWindow, delimiter: UInt8, limit: Int, fields: [String: String] = [:]) {
        self.window = window
        self.limit = limit
        self.fields = fields
        self.delimiter = delimiter
        cells = DelimitedRow(delimiter: delimiter)
    }

    /// The line of the column names.
    private(set) var headerLine = 1

    /// The column names, once the first record was asked for.
    var columns: [String] { header?.names ?? [] }

    func next() throws -> Record? {
        if header == nil {
            try passSeparatorLine()
            guard let line = try row() else { return nil }
            headerLine = line
            if let problem = cells.problem { return stop(problem, line) }
            let found = DelimitedHeader(cells, window.base, fields: fields)
            if let problem = found.problem(line: line) { return stop(problem, line) }
            header = found
            take()
        }
        guard !stopped, let line = try row() else { return nil }
        defer { take() }
        if let problem = cells.problem { return Record(line: line, content: .problem(problem)) }
        let expected = header!.names.count
        guard cells.count == expected else {
            let problem = DatasetProblem(
                line: line, code: .columnCount, found: "\(cells.count) cell\(cells.count == 1 ? "" : "s")",
                expected: "\(expected), one for each column of the header",
                hint: "put a cell that holds the delimiter, a quote or a line end in double quotes, and write quotes inside of it twice")
            return Record(line: line, content: .problem(problem))
        }
        header!.write(cells, window.base, to: &output)
        return Record(line: line, content: .bytes(output.bytes))
    }

    private func passSeparatorLine() throws {
        while window.count < DelimitedGuess.longestSeparatorLine, try window.fill() {}
        guard let said = DelimitedGuess.separatorLine(Bytes(start: window.base, count: window.count)) else { return }
        window.consume(said.length)
        lines += 1
    }

    private func stop(_ problem: DatasetProblem, _ line: Int) -> Record {
        stopped = true
        header = DelimitedHeader()
        take()
        return Record(line: line, content: .problem(problem))
    }

    private func take() {
        window.consume(cells.length)
        lines += cells.lines
        cells.length = 0
        cells.lines = 0
    }

    /// Brings the next row that is not blank to the window's start.
    /// - Returns: the line it begins on.
    private func row() throws -> Int? {
        while true {
            let whole = cells.parse(window.base, window.count, atEnd: window.atEnd)
            if !whole {
                if window.count > limit { return try tooLong() }
                _ = try window.fill()
                continue
            }
            if cells.length == 0 { return nil }
            if cells.length > limit {
                cells.problem = .tooLong(line: lines + 1, bytes: cells.length, limit: limit, what: "row")
                return lines + 1
            }
            if cells.problem == nil, cells.isBlank(window.base) {
                take()
                continue
            }
            cells.problem?.line = lines + 1
            return lines + 1
        }
    }

    /// Passes over a row that does not fit. Inside of quotes nobody can tell where the next one begins, so the rest is not read.
    private func tooLong() throws -> Int {
        let line = lines + 1
        let insideQuotes = cells.endsInsideQuotes
        var length = 0
        var newlines = 0
        repeat {
            if !insideQuotes, let end = memchr(window.base, 0x0A, window.count) {
                let rest = UnsafePointer(end.assumingMemoryBound(to: UInt8.self)) - window.base
                length += rest
                window.consume(rest + 1)
                newlines += 1
                break
            }
            newlines += Bytes(start: window.base, count: window.count).count { $0 == 0x0A }
            length += window.count
            window.consume(window.count)
        } while try window.fill()
        lines += newlines
        cells.length = 0
        cells.lines = 0
        cells.problem = .tooLong(line: line, bytes: length, limit: limit, what: "row")
        if insideQuotes {
            stopped = true
            cells.problem = DatasetProblem(
                line: line, code: .unclosedQuote, found: "a quoted cell of more than \(limit) bytes", expected: "its closing quote",
                hint: "close the quote; what stands behind it was not checked")
        }
        return line
    }
}
