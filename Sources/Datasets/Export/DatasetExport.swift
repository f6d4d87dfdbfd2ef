import Domain
import Foundation

/// Writes a dataset in another format, or in its own again.
public struct DatasetExport: Sendable {
    public var format: DatasetFormat
    public var encoding: DatasetEncoding

    public init(format: DatasetFormat, encoding: DatasetEncoding) {
        self.format = format
        self.encoding = encoding
    }

    /// Writes all examples to a file. A record that came in this format goes out as it came; of others the report names what
    /// the format cannot carry. A table is read twice: its columns must be known before its first row.
    /// - Throws: ``DatasetInvalid`` where the dataset has problems, errors of the file system, `CancellationError`.
    public func write(_ reader: DatasetReader, to target: URL) throws -> ExportReport {
        let writer = try DatasetWriter(target)
        var report = ExportReport()
        if let delimiter = encoding.delimiter {
            try writeTable(reader, DelimitedWriter(delimiter: delimiter), writer, &report)
        } else {
            try writeRecords(reader, writer, &report)
        }
        report.sha256 = try writer.finish()
        report.bytes = writer.bytes
        return report
    }

    private func writeRecords(_ reader: DatasetReader, _ writer: DatasetWriter, _ report: inout ExportReport) throws {
        let form = ExampleForm(format: format, allowsLists: true)
        let isList = encoding == .json
        try each(reader) { example in
            guard let fields = form.fields(example, &report) else { return }
            try writer.write { output in
                if isList { output.append(report.examples == 0 ? "[\n" : ",\n") }
                for (index, field) in fields.enumerated() {
                    output.append(index == 0 ? "{" : ",")
                    JSONText.quote(field.name, to: &output)
                    output.append(0x3A)
                    output.append(field.json)
                }
                output.append(isList ? "}" : "}\n")
            }
            report.examples += 1
        }
        if isList { try writer.write { $0.append(report.examples == 0 ? "[]\n" : "\n]\n") } }
    }

    private func writeTable(_ reader: DatasetReader, _ table: DelimitedWriter, _ writer: DatasetWriter, _ report: inout ExportReport) throws {
        let form = ExampleForm(format: format, allowsLists: false)
        var table = table
        var ignored = ExportReport()
        try each(reader) { example in
            if let fields = form.fields(example, &ignored) { table.see(fields) }
        }
        if !table.columns.isEmpty { try writer.write { table.writeHeader(to: &$0) } }
        try each(reader) { example in
            guard let fields = form.fields(example, &report) else { return }
            try writer.write { table.writeRow(fields, of: format, to: &$0, &report) }
            report.examples += 1
        }
    }

    private func each(_ reader: DatasetReader, _ body: (ChatExample) throws -> Void) throws {
        let report = try reader.read(body)
        if report.problemCount > 0 { throw DatasetInvalid(report) }
    }
}
