import Foundation

/// One pass over a file: records in, examples and a report out.
struct DatasetPass {
    private let reader: DatasetReader
    private let options: DatasetOptions

    init(_ reader: DatasetReader) {
        self.reader = reader
        options = reader.options
    }

    func run(makesExamples: Bool, _ body: (ChatExample) throws -> Void) throws -> DatasetReport {
        let (layout, unreadable) = try LayoutDetection(url: reader.url, options: options).detect(format: reader.format, encoding: reader.encoding)
        var report = DatasetReport(layout: layout)
        let window = try ByteWindow(reader.url)
        let examples = ExampleReader(layout, options: options)
        let checks = ExampleChecks(options)
        var lines = 0
        if let unreadable {
            examples.errors.add(unreadable)
        } else {
            let source = Self.source(window, layout, options)
            while let record = try source.next() {
                switch record.content {
                case .problem(let problem): examples.errors.add(problem)
                case .bytes(let bytes):
                    guard examples.read(bytes, line: record.line) else { continue }
                    guard makesExamples || !options.redact.isEmpty else {
                        try checks.check(examples)
                        continue
                    }
                    var example = examples.makeExample()
                    let changes = options.redact.isEmpty ? 0 : example.redact(options.redact)
                    report.redactions += changes
                    try checks.check(examples, changed: changes > 0 ? example : nil)
                    if makesExamples { try body(example) }
                }
            }
            lines = source.lines
        }
        try window.drain()
        try checks.finish(into: &report, examples)
        report.bytes = window.bytesRead
        report.lines = lines
        report.sha256 = window.sha256()
        if report.examples == 0, examples.errors.count == 0 {
            examples.errors.add(
                .emptyFile, line: nil, found: window.bytesRead == 0 ? "0 bytes" : "no examples", expected: "at least one example",
                hint: "one example a line: \(layout.format.sample)")
        }
        report.take(examples)
        return report
    }

    static func source(_ window: ByteWindow, _ layout: DatasetLayout, _ options: DatasetOptions) -> any RecordSource {
        switch layout.encoding {
        case .jsonl: LineRecords(window, limit: options.maxRecordBytes)
        case .json: ArrayRecords(window, limit: options.maxRecordBytes)
        case .csv, .tsv:
            DelimitedRecords(window, delimiter: layout.delimiter?.utf8.first ?? 0x2C, limit: options.maxRecordBytes, fields: layout.fields)
        }
    }
}

extension DatasetReport {
    mutating func take(_ examples: ExampleReader) {
        examples.warnings.sort()
        problems = examples.errors.problems
        problemCount = examples.errors.count
        problemCounts = examples.errors.countsByName
        warnings = examples.warnings.problems
        warningCount = examples.warnings.count
        warningCounts = examples.warnings.countsByName
    }
}

extension DatasetProblemLog {
    mutating func add(_ problem: DatasetProblem) {
        add(problem.code, line: problem.line, field: problem.field, found: problem.found, expected: problem.expected, hint: problem.hint)
    }
}
