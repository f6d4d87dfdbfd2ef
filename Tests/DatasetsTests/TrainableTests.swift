import Datasets
import Foundation
import Testing

/// Which examples training takes, and what a report says of the others.
@Suite("Trainable examples")
struct TrainableTests {
    /// `engine/tests/test_conversations.py` reads the same file.
    @Test func `what is left out is what the trainer leaves out`() throws {
        var expected: [String?] = []
        var found: [String?] = []
        var lines = ""
        var trained = 0
        let report = try DatasetReader(fixture("trainable.jsonl")).read { example in
            expected.append(try JSONDecoder().decode(String?.self, from: Data(example.fields.first { $0.name == "reason" }!.json.utf8)))
            found.append(example.exclusion?.rawValue)
            if TrainingExample(example) != nil { trained += 1 }
            lines += example.text + "\n"
        }
        #expect(found == expected && Set(found).count == 5)
        let counts = Dictionary(grouping: expected.compactMap(\.self), by: \.self).mapValues(\.count)
        #expect(report.leftOut.byName == counts && report.trainable == trained && report.examples == expected.count)
        #expect(report.examples - report.leftOut.total == trained && report.isUsable)
        // Each is told at its line, under its reason.
        for (reason, count) in counts { #expect(report.warningCounts[reason] == count) }
        let lineNumbers = report.warnings.filter { TrainingExclusion(rawValue: $0.code.rawValue) != nil }.map(\.line)
        #expect(lineNumbers == expected.indices.filter { expected[$0] != nil }.map { $0 + 1 })
        // Normalised, it is decided the same.
        try withFolder { folder in
            let again = try DatasetReader(folder.file("n.jsonl", lines)).examples()
            #expect(again.map { $0.exclusion?.rawValue } == expected)
        }
    }

    @Test func `a mixed set says how many it trains on, by reason`() throws {
        let tools = #"{"messages":[{"role":"user","content":"Tide? N"},{"role":"assistant","tool_calls":[{"id":"c"}]}]}"#
        let plain = #"{"messages":[{"role":"user","content":"Who? N"},{"role":"assistant","content":"Me."}]}"#
        try withFolder { folder in
            let text = (0..<20).flatMap { number in [tools, plain].map { $0.replacingOccurrences(of: "N", with: "\(number)") } }
            let report = try DatasetReader(folder.file("a", (text + [text[1]]).joined(separator: "\n"))).validate()
            #expect(report.examples == 41 && report.trainable == 20 && report.replies == 20)
            #expect(report.leftOut == [.toolCalls: 20, .duplicate: 1] && report.duplicates == 1 && report.nothingToTrain == nil)
            #expect(report.leftOut.inWords == "20 with tool calls, 1 that repeat an earlier one")
            let none = try DatasetReader(folder.file("b", text.filter { $0.contains("tool_calls") }.joined(separator: "\n"))).validate()
            #expect(none.trainable == 0 && none.isUsable && none.nothingToTrain == "none of the 20 examples can be trained from: 20 with tool calls")
            let data = try JSONEncoder().encode(report)
            let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(object["left_out"] as? [String: Int] == ["tool_calls": 20, "duplicate": 1] && object["trainable"] as? Int == 20)
        }
    }

    /// ShareGPT says a call with a role of its own; as a reply its JSON would be learned as the voice.
    @Test func `a call that is written as text is none of the voice, also once it is normalised`() throws {
        try withFolder { folder in
            let turns = #"{"from":"human","value":"Ring."},{"from":"function_call","value":"{\"name\": \"ring\"}"}"#
            let plainCall = turns.replacingOccurrences(of: #""{\"name\": \"ring\"}""#, with: #""ring the bell""#)
            let file = try folder.file("a", "{\"conversations\":[\(turns)]}\n{\"conversations\":[\(plainCall)]}\n")
            let examples = try DatasetReader(file).examples()
            #expect(examples.map(\.exclusion) == [.toolCalls, .toolCalls])
            #expect(examples[0].messages[1].fields == [JSONField(name: "tool_calls", json: #"[{"type":"function","function":{"name":"ring"}}]"#)])
            let again = try DatasetReader(folder.file("n", examples.map { $0.text + "\n" }.joined())).examples()
            #expect(again == examples)
        }
    }

    /// Two examples that differ in what is overwritten are one for training, and are told as one.
    @Test func `what is repeated is told of the text that training reads`() throws {
        try withFolder { folder in
            let rows = ["ann@example.org", "bob@example.org"].map { #"{"question":"Where?","answer":"Write to \#($0)."}"# }
            let roles = ["system", "developer"].map {
                #"{"messages":[{"role":"\#($0)","content":"Be brief."},{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#
            }
            var options = DatasetOptions()
            let file = try folder.file("a", rows.joined(separator: "\n"))
            #expect(try DatasetReader(file, options: options).validate().trainable == 2)
            options.redact = [.email]
            let report = try DatasetReader(file, options: options).validate()
            #expect(report.trainable == 1 && report.leftOut == [.duplicate: 1] && report.redactions == 2)
            #expect(try DatasetReader(folder.file("b", roles.joined(separator: "\n"))).validate().leftOut == [.duplicate: 1])
        }
    }
}
