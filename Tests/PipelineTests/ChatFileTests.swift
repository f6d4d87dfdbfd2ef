import Foundation
import Pipeline
import Testing

@Suite struct ChatFileTests {
    private func problems(_ text: String) throws -> DatasetInvalid? { try problems(Data(text.utf8)) }

    private func problems(_ data: Data) throws -> DatasetInvalid? {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try data.write(to: file)
        do {
            try ChatFile(file).read()
            return nil
        } catch let invalid as DatasetInvalid { return invalid }
    }

    private static let good = #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#

    @Test(arguments: [
        ("not json", "invalid_json"),
        ("[1,2]", "data_type"),
        ("{}", "missing_messages_list"),
        (#"{"messages":[]}"#, "missing_messages_list"),
        (#"{"instruction":"a","output":"b"}"#, "missing_messages_list"),
        (#"{"messages":["a"]}"#, "data_type"),
        (#"{"messages":[{"content":"a"}]}"#, "message_missing_key"),
        (#"{"messages":[{"role":"wizard","content":"a"}]}"#, "unrecognized_role"),
        (#"{"messages":[{"role":"user"}]}"#, "missing_content"),
        (#"{"messages":[{"role":"user","content":5}]}"#, "missing_content"),
        (#"{"messages":[{"role":"user","content":"a"}]}"#, "example_missing_assistant_message"),
        (#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"  "}]}"#, "empty_reply"),
    ])
    func eachMistakeHasItsLineCodeAndHint(line: String, code: String) throws {
        let invalid = try #require(try problems("\(Self.good)\n\n\(line)\n\(Self.good)\n"))
        #expect(invalid.count == 1)
        let problem = try #require(invalid.problems.first)
        #expect(problem.line == 3 && problem.code == code && !problem.message.isEmpty && !problem.hint.isEmpty)
    }

    @Test func everyMistakeIsCountedAndAHundredAreShown() throws {
        let invalid = try #require(try problems(String(repeating: "x\n", count: 250)))
        #expect(invalid.count == 250 && invalid.problems.count == 100)
    }

    @Test func invalidUTF8IsNamedAndAByteOrderMarkIsNot() throws {
        #expect(try #require(try problems(Data([0x7B, 0xFF, 0xFE, 0x0A]))).problems.first?.code == "invalid_utf8")
        #expect(try problems(Data([0xEF, 0xBB, 0xBF]) + Data(Self.good.utf8)) == nil)
        #expect(try problems(Self.good + "\r\n" + Self.good) == nil)
    }

    @Test func aLineTooLongIsPassedOverAndTheRestIsRead() throws {
        let long = Data(repeating: UInt8(ascii: "x"), count: ChatFile.maxLineBytes + (1 << 20))
        let invalid = try #require(try problems(Data((Self.good + "\n").utf8) + long + Data("\nnot json\n".utf8)))
        #expect(invalid.problems.map(\.code) == ["line_too_long", "invalid_json"])
        #expect(invalid.problems.map(\.line) == [2, 3])
        #expect(try #require(try problems(long)).problems.first?.code == "line_too_long")
    }

    @Test func aFileWithoutExamplesIsRefused() throws {
        #expect(try #require(try problems("\n \n")).problems.first?.code == "empty_file")
    }

    @Test func equalExamplesAreEqualText() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        let other = #"{"x":1,"messages":[{"content":"a","role":"user","name":"n"},{"content":"b","role":"assistant"}]}"#
        try Data("\(Self.good)\n\(other)\n".utf8).write(to: file)
        var lines: Set<Data> = []
        let found = try ChatFile(file).read { lines.insert(try $0.line()) }
        #expect(found.examples == 2 && found.replies == 2 && lines.count == 1)
    }
}
