import Domain
import NIOCore
import Providers
import Testing

@testable import Answers
@testable import Server

/// What the two dialects tell of an answer's end.
@Suite struct GatewayReplyTests {
    private func completion(calls: [ToolCall] = [], finish: FinishReason = .stop, isFull: Bool = false) -> Completion {
        let answer = Answer(
            id: "ans_1", text: "Open at nine [1].",
            citations: [
                Citation(number: 1, document: "hours.md", title: "Hours", chunkID: "c", startByte: 0, endByte: 4, by: .model, offsets: [13])
            ], provider: "custom", model: "m-1", finishReason: finish, toolCalls: calls,
            degraded: [], trace: Trace(answerID: "ans_1", minionID: "min_1"))
        var completion = Completion(answer)
        completion.answer = isFull ? answer : nil
        return completion
    }

    /// The data of each event, but the end mark.
    private func events(_ bytes: ByteBuffer) throws -> [JSONValue] {
        try String(buffer: bytes).split(separator: "\n").filter { $0.hasPrefix("data: {") }.map { try JSONValue(parsing: String($0.dropFirst(6))) }
    }

    private let origin: JSONValue = [
        "answer_id": "ans_1", "citations": [["number": 1, "document": "hours.md", "by": "model"]], "degraded": [],
    ]

    @Test func aStreamEndsWithTheCitations() throws {
        let closing = try events(ChatCompletionReply(model: "m").closing(completion(isFull: true)))
        #expect(closing.count == 1 && closing[0]["atelier"] == origin && closing[0]["choices"]?[0]?["finish_reason"] == "stop")
        var stream = MessagesStream(model: "m")
        let ending = try events(stream.ending(completion(isFull: true)))
        #expect(ending.filter { $0["atelier"] != nil }.map { $0["type"] } == ["message_delta"])
        #expect(ending.first { $0["type"] == "message_delta" }?["atelier"] == origin)
    }

    @Test func aWholeMessageHasThemToo() throws {
        #expect(try JSONValue(parsing: MessagesReply.whole(completion(isFull: true), model: "m"))["atelier"] == origin)
    }

    @Test func aDirectReplyHasNone() throws {
        #expect(try events(ChatCompletionReply(model: "m").closing(completion())).allSatisfy { $0["atelier"] == nil })
        var stream = MessagesStream(model: "m")
        #expect(try events(stream.ending(completion())).allSatisfy { $0["atelier"] == nil })
        #expect(try JSONValue(parsing: MessagesReply.whole(completion(), model: "m"))["atelier"] == nil)
    }

    /// A call that was cut has no input, and none is made up for it; the whole one beside it stays.
    @Test(arguments: [#"{"city":"Os"#, "[1]", "two words"])
    func aCutCallIsLeftOut(arguments: String) throws {
        let calls = [ToolCall(id: "c1", name: "add", arguments: #"{"a":1}"#), ToolCall(id: "c2", name: "sub", arguments: arguments)]
        let message = try JSONValue(parsing: MessagesReply.whole(completion(calls: calls, finish: .length), model: "m"))
        let blocks = (message["content"]?.arrayValue ?? []).filter { $0["type"] == "tool_use" }
        #expect(blocks.map { $0["id"] } == ["c1"] && blocks.first?["input"] == ["a": 1])
        #expect(message["stop_reason"] == "max_tokens")
    }

    @Test func aCallWithoutArgumentsHasAnEmptyInput() throws {
        let message = try JSONValue(
            parsing: MessagesReply.whole(completion(calls: [ToolCall(id: "c1", name: "now", arguments: "")], finish: .toolCalls), model: "m"))
        #expect(message["content"]?.arrayValue?.last?["input"] == [:])
    }
}
