import ArgumentParser
import Datasets
import Foundation

struct DatasetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "datasets", abstract: "Check files of chat examples.", subcommands: [Validate.self])

    struct Validate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a file as an upload would be, without storing it.",
            discussion: """
                Reads JSONL, one JSON list, CSV or TSV; the format is told from the content. Exit status 1 where the file cannot be used. \
                Needs no server and no data directory.
                """)

        @Argument(help: "The file.", completion: .file()) var file: String
        @Option(help: "What the fields mean: \(DatasetFormat.allCases.map(\.rawValue).joined(separator: ", ")).") var format: DatasetFormat?
        @Option(help: "How records are written: \(DatasetEncoding.allCases.map(\.rawValue).joined(separator: ", ")).") var encoding: DatasetEncoding?
        @Option(name: .customLong("field"), help: "A field's name in this file, as question=Frage; may be repeated.") var fields: [String] = []
        @Option(help: "Tokens of an example above which it is warned of.") var maxTokens = DatasetOptions().maxTokens
        @Flag(help: "Unknown keys of messages are errors, as at OpenAI.") var strict = false
        @Flag(help: "Print the whole report as JSON.") var json = false

        func run() throws {
            var options = DatasetOptions()
            options.maxTokens = maxTokens
            options.strictKeys = strict
            for field in fields {
                let parts = field.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { throw ValidationError("--field \(field): write it as question=Frage") }
                options.fields[String(parts[0])] = String(parts[1])
            }
            let report: DatasetReport
            do { report = try DatasetReader(URL(filePath: file), format: format, encoding: encoding, options: options).validate() } catch let error
                as CocoaError
            {
                throw ValidationError("\(file) cannot be read: \(error.localizedDescription)")
            }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                show(report)
            }
            if !report.isUsable || report.nothingToTrain != nil { throw ExitCode.failure }
        }

        private func show(_ report: DatasetReport) {
            print(
                "format      \(report.layout.format.rawValue) as \(report.layout.encoding.rawValue)\(report.layout.formatDetected ? "" : ", as you said")"
            )
            print("content     \(report.bytes) bytes, \(report.lines) lines, SHA-256 \(report.sha256)")
            print("examples    \(report.examples) with \(report.replies) replies, \(report.duplicates) said before")
            if report.leftOut.total > 0 { print("left out    \(report.leftOut.total) by training: \(report.leftOut.inWords)") }
            if !report.fieldsLeftOut.isEmpty { print("not read    by training, in how many examples: \(report.fieldsLeftOut.inWords)") }
            print("tokens      about \(report.tokens.total); median \(report.tokens.median), longest \(report.tokens.longest)")
            print("languages   \(report.languages.map { "\($0.language) \($0.examples)" }.joined(separator: ", "))")
            if let nothing = report.nothingToTrain { print("unusable    \(nothing). \(report.leftOut.hint ?? "")") }
            list("problems", report.problems, report.problemCount, report.problemCounts)
            list("warnings", report.warnings, report.warningCount, report.warningCounts)
        }

        private func list(_ title: String, _ shown: [DatasetProblem], _ count: Int, _ counts: [String: Int]) {
            print("\(title.padding(toLength: 12, withPad: " ", startingAt: 0))\(count)")
            for (code, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) { print("            \(count) × \(code)") }
            for problem in shown {
                let place = [problem.line.map { "line \($0)" }, problem.field].compactMap(\.self).joined(separator: ", ")
                print("  \(place.isEmpty ? "file" : place): \(problem.message) [\(problem.code.rawValue)]. \(problem.hint)")
            }
        }
    }
}

extension DatasetFormat: ExpressibleByArgument {}
extension DatasetEncoding: ExpressibleByArgument {}
