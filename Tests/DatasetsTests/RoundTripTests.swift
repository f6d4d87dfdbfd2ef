import Datasets
import Foundation
import Testing

/// What goes out in a format comes in again as the same.
@Suite("Round trips")
struct RoundTripTests {
    static let forms: [(DatasetFormat, DatasetEncoding)] = DatasetFormat.allCases.flatMap { format in DatasetEncoding.allCases.map { (format, $0) } }

    /// Examples that every format can carry.
    private let simple = """
        {"messages":[{"role":"user","content":"Where, \\"exactly\\"?\\nHere\\t[or] there?"},{"role":"assistant","content":"Hier — über der Tür 😀\\\\"}],"topic":"doors"}
        {"messages":[{"role":"system","content":"Be brief; be kind."},{"role":"user","content":"Why?"},{"role":"assistant","content":"Because, \\r\\n so."}],"topic":"a, b"}
        """

    @Test(arguments: forms) func `simple examples lose nothing in any format`(format: DatasetFormat, encoding: DatasetEncoding) throws {
        try withFolder { folder in
            let reader = try DatasetReader(folder.file("in.jsonl", simple))
            let target = folder.appendingPathComponent("out")
            let report = try DatasetExport(format: format, encoding: encoding).write(reader, to: target)
            #expect(report.examples == 2 && report.lost.isEmpty && report.skipped.isEmpty, "\(report)")
            let again = DatasetReader(target)
            let layout = try again.layout()
            #expect(layout.format == format && layout.encoding == encoding)
            let before = try reader.examples()
            let after = try again.examples()
            #expect(after.map(\.id) == before.map(\.id))
            #expect(after.map { $0.fields.first { $0.name == "topic" } } == before.map { $0.fields.first { $0.name == "topic" } })
            #expect(try report.sha256 == again.validate().sha256 && report.bytes == again.validate().bytes)
        }
    }

    /// JSON values with their keys in order but without white space.
    private func records(_ url: URL) throws -> [NSDictionary] {
        let data = try Data(contentsOf: url)
        if let list = try? JSONSerialization.jsonObject(with: data) as? [NSDictionary] { return list }
        return try data.split(separator: 0x0A).filter { !$0.allSatisfy { $0 <= 0x20 } }.map {
            try JSONSerialization.jsonObject(with: Data($0)) as! NSDictionary
        }
    }

    @Test(arguments: ["openai_chat.jsonl", "sharegpt.jsonl", "alpaca.json", "prompt_completion.jsonl", "question_answer.json"])
    func `a file goes out in its own format as it came, also by way of the normalised form`(name: String) throws {
        try withFolder { folder in
            let reader = DatasetReader(fixture(name))
            let layout = try reader.layout()
            let normalised = folder.appendingPathComponent("normalised.jsonl")
            _ = try DatasetUpdate.replace(reader).apply(to: DatasetReader(folder.file("none", "")), writing: normalised)
            for (index, source) in [reader, DatasetReader(normalised)].enumerated() {
                let target = folder.appendingPathComponent("out\(index)")
                let report = try DatasetExport(format: layout.format, encoding: layout.encoding).write(source, to: target)
                #expect(report.lost.isEmpty && report.skipped.isEmpty)
                #expect(try records(target) == records(fixture(name)))
            }
        }
    }

    @Test func `a table goes out as it came`() throws {
        try withFolder { folder in
            for name in ["question_answer.csv", "alpaca.tsv", "openai_chat.csv"] {
                let reader = DatasetReader(fixture(name))
                let layout = try reader.layout()
                let target = folder.appendingPathComponent(name)
                let report = try DatasetExport(format: layout.format, encoding: layout.encoding).write(reader, to: target)
                #expect(report.skipped.isEmpty)
                let again = DatasetReader(target)
                #expect(try again.examples().map(\.messages) == reader.examples().map(\.messages))
                #expect(try again.examples().map(\.fields.count) == reader.examples().map(\.fields.count))
            }
        }
    }

    @Test func `what a format cannot carry is named`() throws {
        try withFolder { folder in
            let reader = DatasetReader(fixture("openai_chat.jsonl"))
            func export(_ format: DatasetFormat, _ encoding: DatasetEncoding) throws -> ExportReport {
                try DatasetExport(format: format, encoding: encoding).write(reader, to: folder.appendingPathComponent("out"))
            }
            let alpaca = try export(.alpaca, .jsonl)
            #expect(alpaca.examples == 2 && alpaca.skipped == ["messages other than questions and replies in turn": 1])
            #expect(alpaca.lost == ["message field name": 1, "message field weight": 2])
            let answers = try export(.questionAnswer, .csv)
            #expect(
                answers.examples == 1 && answers.skipped == ["messages other than questions and replies in turn": 1, "more than one question": 1])
            #expect(answers.lost["the type of id"] == 1 && answers.lost["the type of note"] == 1 && answers.lost["message field name"] == 1)
            // A list of messages is a prompt too: nothing is lost.
            let prompts = try export(.promptCompletion, .jsonl)
            #expect(prompts.examples == 3 && prompts.lost.isEmpty && prompts.skipped.isEmpty)
            #expect(try DatasetReader(folder.appendingPathComponent("out")).examples().map(\.id) == reader.examples().map(\.id))
            let shareGPT = try export(.shareGPT, .json)
            #expect(shareGPT.examples == 3 && shareGPT.lost.isEmpty)
            #expect(try DatasetReader(folder.appendingPathComponent("out")).examples().map(\.id) == reader.examples().map(\.id))
        }
    }

    @Test func `a dataset with problems is not exported, and leaves nothing`() throws {
        try withFolder { folder in
            let reader = try DatasetReader(folder.file("in", good + "\nx\n"))
            #expect(throws: DatasetInvalid.self) {
                try DatasetExport(format: .alpaca, encoding: .json).write(reader, to: folder.appendingPathComponent("out"))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["in"])
        }
    }
}
