import Domain

/// The column names of a CSV or TSV file, and how a row becomes a JSON object under them.
struct DelimitedHeader {
    /// Columns that hold JSON: a cell of theirs that is a list or an object is taken as one.
    static let structured: Set<String> = ["messages", "conversations", "history", "tools", "functions"]

    private(set) var names: [String] = []
    /// What stands before each cell: the comma, the name and the colon.
    private var prefixes: [[UInt8]] = []
    private var isStructured: [Bool] = []
    private var invalid = false

    init() {}

    /// - Parameter fields: names that the format's fields have in this file.
    init(_ row: DelimitedRow, _ p: UnsafePointer<UInt8>, fields: [String: String]) {
        let structured = Self.structured.union(fields.filter { Self.structured.contains($0.key) }.values)
        var text = PaddedBytes()
        for index in 0..<row.count {
            text.count = 0
            row.write(index, p, to: &text)
            // Escaped already; names are shown and compared as text.
            let room = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, text.count))
            defer { room.deallocate() }
            let plain = Bytes(start: room, count: JSONText.unescape(text.bytes, to: room))
            invalid = invalid || UTF8Scan.firstInvalid(plain) != nil
            let name = plain.text.trimmed
            names.append(name)
            isStructured.append(structured.contains(name))
            var prefix = PaddedBytes()
            prefix.append(index == 0 ? "{" : ",")
            JSONText.quote(name, to: &prefix)
            prefix.append(":")
            prefixes.append(Array(prefix.bytes))
        }
    }

    func problem(line: Int) -> DatasetProblem? {
        if invalid {
            return DatasetProblem(
                line: line, code: .invalidUTF8, found: "column names that are not UTF-8", expected: "UTF-8 text", hint: "save the file as UTF-8")
        }
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted {
            return DatasetProblem(
                line: line, field: name, code: .duplicateColumn, found: "two columns named \"\(name)\"", expected: "each name once",
                hint: "rename or remove one of the two columns")
        }
        return nil
    }

    func write(_ row: DelimitedRow, _ p: UnsafePointer<UInt8>, to output: inout PaddedBytes) {
        output.count = 0
        for index in 0..<row.count {
            prefixes[index].withUnsafeBufferPointer { output.append($0) }
            let begin = output.count
            output.append(0x22)
            row.write(index, p, to: &output)
            output.append(0x22)
            if isStructured[index] { unwrap(from: begin, &output) }
        }
        output.append(0x7D)
    }

    /// Takes the text that was just written for JSON, where it is some.
    private func unwrap(from begin: Int, _ output: inout PaddedBytes) {
        var text = PaddedBytes(capacity: output.count - begin)
        text.count = JSONText.unescape(Bytes(start: output.base + begin + 1, count: output.count - begin - 2), to: text.base)
        var tape = JSONTape()
        guard tape.scan(text.bytes) == nil, tape[0].kind == .array || tape[0].kind == .object else { return }
        output.count = begin
        output.append(text.bytes)
    }
}

extension String {
    var trimmed: String {
        let space: (Character) -> Bool = { $0.isWhitespace }
        guard let first = firstIndex(where: { !space($0) }), let last = lastIndex(where: { !space($0) }) else { return "" }
        return String(self[first...last])
    }
}
