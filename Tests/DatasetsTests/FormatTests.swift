import Datasets
import Foundation
import Testing

/// Real files of each format; the golden files are what they normalise to.
@Suite("Formats")
struct FormatTests {
    static let files: [(name: String, format: DatasetFormat, encoding: DatasetEncoding, examples: Int, replies: Int)] = [
        ("openai_chat.jsonl", .openAIChat, .jsonl, 3, 2), ("sharegpt.jsonl", .shareGPT, .jsonl, 3, 2), ("alpaca.json", .alpaca, .json, 3, 5),
        ("prompt_completion.jsonl", .promptCompletion, .jsonl, 3, 3), ("question_answer.csv", .questionAnswer, .csv, 3, 3),
        ("alpaca.tsv", .alpaca, .tsv, 2, 2),
        ("question_answer.json", .questionAnswer, .json, 2, 2), ("openai_chat.csv", .openAIChat, .csv, 2, 2),
    ]

    @Test(arguments: files) func `a file is told by its content and normalised`(
        file: (name: String, format: DatasetFormat, encoding: DatasetEncoding, examples: Int, replies: Int)
    ) throws {
        var lines = ""
        let report = try DatasetReader(fixture(file.name)).read { lines += $0.text + "\n" }
        #expect(report.problems == [])
        #expect(report.layout.format == file.format && report.layout.encoding == file.encoding)
        #expect(report.layout.formatDetected && report.layout.encodingDetected)
        #expect(report.examples == file.examples && report.replies == file.replies)
        let golden = fixture(file.name + ".golden")
        #expect(try lines == String(contentsOf: golden, encoding: .utf8))
        // What is normalised reads as what it was.
        try withFolder { folder in
            let again = try DatasetReader(folder.file("n.jsonl", lines)).examples()
            #expect(try again == DatasetReader(fixture(file.name)).examples())
        }
    }

    @Test func `the digest, the bytes and the lines are the file's`() throws {
        let report = try DatasetReader(fixture("alpaca.json")).validate()
        let data = try Data(contentsOf: fixture("alpaca.json"))
        #expect(report.bytes == data.count && report.lines == 17)
        #expect(report.sha256.count == 64)
        let one = try withFolder { try DatasetReader($0.file("a", good)).validate() }
        // Of the text above, by sha256sum.
        #expect(one.sha256 == "07649a37cff0679de8e947a1779933615be1f0ed93ee3353235d2361ca4160a2")
    }

    @Test func `what is said overrides what is seen`() throws {
        try withFolder { folder in
            let both = try folder.file("both", #"{"prompt":"a?","completion":"b","question":"c?","answer":"d"}"#)
            #expect(try DatasetReader(both).layout().format == .promptCompletion)
            let reader = DatasetReader(both, format: .questionAnswer)
            #expect(try reader.layout().formatDetected == false)
            #expect(try reader.examples()[0].messages.map(\.content) == ["c?", "d"])
            let semicolons = try folder.file("s", "question\tanswer\na,b\tc\n")
            #expect(try DatasetReader(semicolons).layout().encoding == .tsv)
            #expect(try DatasetReader(semicolons, encoding: .csv).validate().problems.map(\.code) == [.missingColumn])
        }
    }

    @Test func `fields can be named`() throws {
        try withFolder { folder in
            var options = DatasetOptions()
            options.fields = ["question": "Frage", "answer": "Antwort"]
            for (name, text) in [("t.csv", "Frage,Antwort\nWo?,Hier.\n"), ("t.jsonl", #"{"Frage":"Wo?","Antwort":"Hier."}"#)] {
                let reader = try DatasetReader(folder.file(name, text), format: name.hasSuffix("csv") ? nil : .questionAnswer, options: options)
                #expect(try reader.examples().map { $0.messages.map(\.content) } == [["Wo?", "Hier."]])
                #expect(try reader.layout().fields == options.fields)
            }
        }
    }

    @Test func `an id is what is learned, however it is written`() throws {
        try withFolder { folder in
            let file = try folder.file(
                "a",
                [
                    #"{"messages":[{"role":"user","content":"é"},{"role":"assistant","content":"b","weight":1}],"id":1}"#,
                    #"{ "id" : 2, "messages" : [ {"content":"\u00e9","role":"user"}, {"weight": 1, "content":"b","role":"assistant"} ] }"#,
                    #"{"messages":[{"role":"user","content":"é"},{"role":"assistant","content":"b"}]}"#,
                ].joined(separator: "\n"))
            let ids = try DatasetReader(file).examples().map(\.id)
            #expect(ids[0] == ids[1] && ids[0] != ids[2])
            let same = try folder.file("b", #"{"question":"é","answer":"b"}"#)
            #expect(try DatasetReader(same).examples()[0].id == ids[2])
            // {"messages":[{"content":"é","role":"user"},{"content":"b","role":"assistant"}]}, by sha256sum.
            #expect(ids[2] == "115183fa4d51d38e583572f567eae8d87a2ba001d880f016076f87ec7d8e8d77")
            // A weight of 1 is what there is without one: training reads the same three times.
            let report = try DatasetReader(file).validate()
            #expect(report.duplicates == 2 && report.warnings.map(\.code) == [.fieldLeftOut, .duplicateExample, .duplicateExample])
            #expect(report.warnings.map(\.line) == [1, 2, 3] && report.trainable == 1 && report.leftOut == [.duplicate: 2])
        }
    }
}
