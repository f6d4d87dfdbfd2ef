import Datasets
import Foundation
import Testing

/// What stands beside a question and its reply: learned with them, or counted as what training does not read.
@Suite("Fields beside the messages")
struct FieldTests {
    /// A record, the texts that are learned from it by role, and the fields that are not.
    struct Case: Sendable, CustomTestStringConvertible {
        var record: String
        var messages: [String]
        var leftOut: [String] = []
        var testDescription: String { record }
    }

    static let cases: [Case] = [
        // Question and answer, prompt and completion.
        Case(
            record: #"{"question":"Who?","context":"The keeper is Tom.","answer":"Tom."}"#,
            messages: ["user:Who?\nThe keeper is Tom.", "assistant:Tom."]),
        Case(record: #"{"question":"Who?","input":"It is Tom.","answer":"Tom."}"#, messages: ["user:Who?\nIt is Tom.", "assistant:Tom."]),
        Case(record: #"{"question":"Who?","context":["One.","","Two."],"answer":"Tom."}"#, messages: ["user:Who?\nOne.\nTwo.", "assistant:Tom."]),
        Case(record: #"{"question":"Who?","context":"  ","answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."]),
        Case(record: #"{"question":"Who?","context":null,"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."]),
        Case(
            record: #"{"question":"Who?","context":{"title":["a"]},"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."], leftOut: ["context"]
        ),
        Case(record: #"{"question":"Who?","context":7,"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."], leftOut: ["context"]),
        Case(
            record: #"{"prompt":"Who?","context":"It is Tom.","system":"Be brief.","completion":"Tom."}"#,
            messages: ["system:Be brief.", "user:Who?\nIt is Tom.", "assistant:Tom."]),
        Case(
            record: #"{"prompt":[{"role":"user","content":"Who?"}],"context":"Tom","completion":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."],
            leftOut: ["context"]),
        Case(
            record: #"{"question":"And now?","history":[["Who?","Tom."],["Where?","Here."]],"answer":"Now."}"#,
            messages: ["user:Who?", "assistant:Tom.", "user:Where?", "assistant:Here.", "user:And now?", "assistant:Now."]),
        Case(
            record: #"{"prompt":"And now?","history":[{"role":"user","content":"Who?"},{"role":"assistant","content":"Tom."}],"completion":"Now."}"#,
            messages: ["user:Who?", "assistant:Tom.", "user:And now?", "assistant:Now."]),
        Case(record: #"{"question":"Who?","history":"none","answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."], leftOut: ["history"]),
        Case(
            record: #"{"question":"Who?","history":[["Why?",null]],"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."], leftOut: ["history"]
        ),
        Case(
            record: #"{"question":"Who?","history":[["Why?"," "]],"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."], leftOut: ["history"]),
        Case(
            record: #"{"question":"Who?","history":[{"role":"elf","content":"x"}],"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."],
            leftOut: ["history"]),
        Case(record: #"{"question":"Who?","history":[],"answer":"Tom."}"#, messages: ["user:Who?", "assistant:Tom."]),
        // Alpaca.
        Case(
            record:
                #"{"instruction":"Sum up.","input":["One.","Two."],"output":"Both.","history":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}"#,
            messages: ["user:Hi", "assistant:Ho", "user:Sum up.\nOne.\nTwo.", "assistant:Both."]),
        Case(
            record: #"{"instruction":"Sum up.","input":"","output":"Both.","text":"all of it","category":null}"#,
            messages: ["user:Sum up.", "assistant:Both."], leftOut: ["text"]),
        // Lists of messages.
        Case(
            record: #"{"system":"Be brief.","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
            messages: ["system:Be brief.", "user:a", "assistant:b"]),
        Case(
            record: #"{"system":["x"],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
            messages: ["user:a", "assistant:b"], leftOut: ["system"]),
        Case(
            record:
                #"{"tools":[{"name":"tide"}],"parallel_tool_calls":false,"functions":[],"messages":[{"role":"user","content":"a","name":"Ann"},{"role":"assistant","content":"b"}]}"#,
            messages: ["user:a", "assistant:b"], leftOut: ["messages[].name", "parallel_tool_calls", "tools"]),
        Case(
            record:
                #"{"messages":[{"role":"user","content":"a","name":""},{"role":"assistant","content":"b","reasoning_content":"hm","thinking":"hm","refusal":null,"audio":null,"tool_calls":[],"weight":1}]}"#,
            messages: ["user:a", "assistant:b"], leftOut: ["messages[].reasoning_content", "messages[].thinking"]),
        Case(
            record: #"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b","loss":true}],"tools":"[]","id":"x1"}"#,
            messages: ["user:a", "assistant:b"], leftOut: ["id", "messages[].loss", "tools"]),
    ]

    @Test(arguments: cases) func `what can be learned is, and the rest is named`(one: Case) throws {
        try withFolder { folder in
            let reader = try DatasetReader(folder.file("a.jsonl", one.record))
            var examples: [ChatExample] = []
            let report = try reader.read { examples.append($0) }
            #expect(report.problems == [] && examples.count == 1)
            #expect(examples[0].messages.map { "\($0.role):\($0.content ?? "")" } == one.messages)
            // The report, its warnings and the example itself say the same.
            #expect(report.fieldsLeftOut.counts == Dictionary(uniqueKeysWithValues: one.leftOut.map { ($0, 1) }))
            #expect(examples[0].fieldsLeftOut == one.leftOut)
            let told = report.warnings.filter { $0.code == .fieldLeftOut || $0.code == .messageUnrecognizedKey }
            #expect(told.count == one.leftOut.count && told.allSatisfy { $0.line == 1 && !$0.hint.isEmpty && $0.field != nil })
            // Normalised, it is the same; out in its own format, it is what came.
            #expect(try DatasetReader(folder.file("n.jsonl", examples[0].text + "\n")).examples() == examples)
            let target = folder.appendingPathComponent("out")
            _ = try DatasetExport(format: report.layout.format, encoding: .jsonl).write(reader, to: target)
            #expect(try JSON(target) == JSON(folder.appendingPathComponent("a.jsonl")))
        }
    }

    private func JSON(_ file: URL) throws -> NSDictionary? { try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? NSDictionary }

    @Test func `fields are counted by the examples that training takes`() throws {
        let noted =
            #"{"messages":[{"role":"user","content":"N","name":"Ann"},{"role":"user","content":"x","name":"Bob"},{"role":"assistant","content":"b"}],"topic":"t"}"#
        let plain = #"{"messages":[{"role":"user","content":"N"},{"role":"assistant","content":"b"}],"topic":""}"#
        let called = #"{"messages":[{"role":"user","content":"N"},{"role":"assistant","tool_calls":[{"id":"c"}]}],"secret":"t"}"#
        try withFolder { folder in
            let text = (0..<30).map { [noted, plain, called][$0 % 3].replacingOccurrences(of: "N", with: "\($0)") }.joined(separator: "\n")
            let report = try DatasetReader(folder.file("a", text)).validate()
            #expect(report.fieldsLeftOut.counts == ["topic": 10, "messages[].name": 10])
            #expect(report.warningCounts["field_left_out"] == 20)
            let told = report.warnings.filter { $0.code == .fieldLeftOut }
            #expect(told.map(\.field) == ["topic", "messages[0].name"] && told.map(\.line) == [1, 1])
            #expect(told.allSatisfy { $0.message.contains("in 10 examples") })
            #expect(report.fieldsLeftOut.inWords == "messages[].name in 10, topic in 10")
            #expect(report.fieldsLeftOut.hint?.contains("who") == false && report.fieldsLeftOut.message?.contains("topic in 10") == true)
            let object = try #require(JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any])
            #expect(object["fields_left_out"] as? [String: Int] == ["topic": 10, "messages[].name": 10])
        }
    }

    /// Small input, large memory: names are a file's own.
    @Test func `names without end are counted together`() throws {
        try withFolder { folder in
            let rows = (0..<300).map { #"{"question":"q\#($0)","answer":"a","k\#($0)":1,"\#(String(repeating: "l", count: 5000))\#($0)":1}"# }
            let report = try DatasetReader(folder.file("a", rows.joined(separator: "\n"))).validate()
            #expect(report.examples == 300 && report.isUsable && report.fieldsLeftOut.counts[UnreadFields.others] == 250)
            #expect(report.fieldsLeftOut.counts.count <= UnreadFields.maxNames + 1)
            #expect(report.fieldsLeftOut.counts.keys.allSatisfy { $0.count <= 40 })
            var sum = UnreadFields()
            for number in 0..<200 { sum.merge(UnreadFields(["n\(number)": 1])) }
            #expect(sum.counts.count == UnreadFields.maxNames + 1 && sum.counts[UnreadFields.others] == 100)
        }
    }

    @Test func `an optional field is known by its other names wherever it first stands`() throws {
        try withFolder { folder in
            let rows = [#"{"question":"a","answer":"b"}"#, #"{"question":"Who?","answer":"Tom.","input":"Tom","system_prompt":"Be brief."}"#]
            let file = try folder.file("a", rows.joined(separator: "\n"))
            #expect(try DatasetReader(file).examples()[1].messages.map(\.content) == ["Be brief.", "Who?\nTom", "Tom."])
            var options = DatasetOptions()
            options.fields = ["context": "Quelle", "question": "Frage", "answer": "Antwort"]
            let german = try folder.file("b", #"{"Frage":"a","Antwort":"b"}"# + "\n" + #"{"Frage":"a","Antwort":"b","Quelle":"c"}"#)
            let reader = DatasetReader(german, options: options)
            #expect(try reader.layout().format == .questionAnswer)
            #expect(try reader.examples()[1].messages.map(\.content) == ["a\nc", "b"])
        }
    }

    @Test func `a table's context and history are learned too`() throws {
        try withFolder { folder in
            let text = "question;answer;context;history;source\nWho?;Tom.;\"It is\nTom.\";\"[[\"\"Hi\"\",\"\"Ho\"\"]]\";book\nWhy?;So.;;;\n"
            let reader = try DatasetReader(folder.file("a.csv", text))
            #expect(try reader.examples().map { $0.messages.map(\.content) } == [["Hi", "Ho", "Who?\nIt is\nTom.", "Tom."], ["Why?", "So."]])
            #expect(try reader.validate().fieldsLeftOut.counts == ["source": 1])
        }
    }

    @Test func `secrets in what is learned with a question are told by their field`() throws {
        try withFolder { folder in
            let rows = [
                #"{"system":"Write to a@example.org","messages":[{"role":"user","content":"b@example.org"},{"role":"assistant","content":"b"}]}"#,
                #"{"system":"x","messages":[{"role":"user","content":"c@example.org"},{"role":"assistant","content":"b"}]}"#,
            ]
            let report = try DatasetReader(folder.file("a", rows.joined(separator: "\n"))).validate()
            #expect(report.warnings.map(\.field) == ["system", "messages[0].content", "messages[0].content"])
            let beside = try folder.file("b", #"{"question":"a","answer":"b","history":[["d@example.org","e"]],"context":"f@example.org"}"#)
            #expect(try DatasetReader(beside).validate().warnings.map(\.field) == ["history", "question"])
        }
    }
}
