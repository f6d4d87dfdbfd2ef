import Foundation

/// Tells what a file is from its beginning.
struct LayoutDetection {
    /// Bytes looked at to tell the encoding, and records to tell the format.
    static let headBytes = 1 << 16
    static let records = 32

    let url: URL
    let options: DatasetOptions

    /// - Parameters: what the caller says overrides what is seen.
    /// - Returns: the layout, or with it why the file cannot be read at all.
    func detect(format: DatasetFormat?, encoding: DatasetEncoding?) throws -> (layout: DatasetLayout, problem: DatasetProblem?) {
        let window = try ByteWindow(url, hashing: false)
        while window.count < Self.headBytes, try window.fill() {}
        let head = Bytes(start: window.base, count: min(window.count, Self.headBytes))
        let detected = encoding ?? Self.encoding(head, fields: options.fields)
        var layout = DatasetLayout(
            format: format ?? .openAIChat, encoding: detected, formatDetected: format == nil, encodingDetected: encoding == nil)
        if let problem = FileKind.problem(head, raw: try rawHead()) { return (layout, problem) }
        if detected.delimiter != nil {
            let delimiter = DelimitedGuess.delimiter(head, of: detected, fields: options.fields)
            layout.delimiter = String(UnicodeScalar(delimiter))
            let source = DelimitedRecords(window, delimiter: delimiter, limit: options.maxRecordBytes)
            _ = try source.next()
            let rows = DelimitedGuess.rows(head, delimiter, upTo: Self.records).dropFirst()
            return columns(source.columns, rows: Array(rows), line: source.headerLine, &layout, format: format)
        }
        let source: any RecordSource =
            detected == .json ? ArrayRecords(window, limit: options.maxRecordBytes) : LineRecords(window, limit: options.maxRecordBytes)
        try name(&layout, by: keys(source), format: format)
        return (layout, nil)
    }

    private func rawHead() throws -> [UInt8] {
        let handle = try FileHandle(forReadingFrom: url)
        defer { try? handle.close() }
        return Array(try handle.read(upToCount: 512) ?? Data())
    }

    /// The keys of the first records that are objects.
    private func keys(_ source: any RecordSource) throws -> [[String]] {
        let reader = ExampleReader(DatasetLayout(format: .openAIChat, encoding: .jsonl), options: DatasetOptions())
        var found: [[String]] = []
        for _ in 0..<Self.records {
            guard let record = try source.next() else { break }
            guard case .bytes(let bytes) = record.content, let keys = reader.keys(of: bytes) else { continue }
            found.append(keys)
        }
        return found
    }

    /// What most records look like.
    private func name(_ layout: inout DatasetLayout, by records: [[String]], format: DatasetFormat?) throws {
        var votes: [DatasetFormat: Int] = [:]
        for keys in records {
            // Names that were given are part of the format they belong to.
            let given = options.fields.isEmpty ? nil : Self.format(of: keys, given: options.fields)
            if let guess = given ?? FormatGuess.format(of: keys)?.format { votes[guess, default: 0] += 1 }
        }
        if format == nil, let best = DatasetFormat.allCases.max(by: { votes[$0, default: 0] < votes[$1, default: 0] }), votes[best] != nil {
            layout.format = best
        }
        let chosen = layout.format
        let fitting = records.filter { FormatGuess.names(of: chosen, in: $0, given: options.fields) != nil }
        guard let first = fitting.first, var names = FormatGuess.names(of: chosen, in: first, given: options.fields) else {
            layout.fields = options.fields
            return
        }
        // A field that need not be there may first be met in a later record.
        let all = fitting.flatMap(\.self)
        for field in chosen.fields where !field.isRequired {
            names[field.name] = FormatGuess.name(of: field, in: all, given: options.fields) ?? options.fields[field.name]
            if names[field.name] == field.name { names[field.name] = nil }
        }
        layout.fields = names
    }

    private func columns(
        _ names: [String], rows: [[String]], line: Int, _ layout: inout DatasetLayout, format: DatasetFormat?
    ) -> (DatasetLayout, DatasetProblem?) {
        if format == nil {
            // Names that were given are part of the format they belong to.
            layout.format = Self.format(of: names, given: options.fields) ?? FormatGuess.format(of: names)?.format ?? .questionAnswer
        }
        if let fields = FormatGuess.names(of: layout.format, in: names, given: options.fields) {
            layout.fields = fields
            return (layout, nil)
        }
        guard !names.isEmpty else { return (layout, nil) }
        let wanted = layout.format.fields.filter(\.isRequired).map { options.fields[$0.name] ?? $0.name }
        let problem = DatasetProblem(
            line: line, field: wanted.first { !names.contains($0) }, code: .missingColumn,
            found: "the columns \(names.prefix(12).joined(separator: ", "))",
            expected: layout.formatDetected
                ? "question and answer, prompt and completion, instruction and output, messages, or conversations"
                : wanted.joined(separator: " and "),
            hint: ColumnGuess.hint(names, rows: rows, format: format))
        return (layout, problem)
    }

    private static func format(of names: [String], given: [String: String]) -> DatasetFormat? {
        DatasetFormat.allCases.first { FormatGuess.names(of: $0, in: names, given: given) != nil }
    }

    static func encoding(_ head: Bytes, fields: [String: String] = [:]) -> DatasetEncoding {
        var i = 0
        if let p = head.baseAddress { JSONScan.skipSpace(p, &i, head.count) }
        guard i < head.count else { return .jsonl }
        if head[i] == 0x7B { return .jsonl }
        if head[i] == 0x5B { return isLineOfItsOwn(head, i) ? .jsonl : .json }
        return DelimitedGuess.delimiter(head, fields: fields).map { $0 == 0x09 ? .tsv : .csv } ?? .jsonl
    }

    /// Lines that are lists, one after the other, are wrong JSONL, not one list.
    private static func isLineOfItsOwn(_ head: Bytes, _ start: Int) -> Bool {
        guard let end = head[start...].firstIndex(of: 0x0A) else { return false }
        let line = Bytes(rebasing: head[start..<end])
        let rest = Bytes(rebasing: head[end...])
        var tape = JSONTape()
        guard let next = rest.first(where: { $0 > 0x20 }) else { return false }
        return (next == 0x5B || next == 0x7B) && tape.scan(line) == nil
    }
}

extension ExampleReader {
    /// Names of a record's fields; nil where it is no object.
    func keys(of bytes: Bytes) -> [String]? {
        record = bytes
        arena.reset()
        guard tape.scan(bytes) == nil, tape[0].kind == .object else { return nil }
        return keysOfRecord
    }
}
