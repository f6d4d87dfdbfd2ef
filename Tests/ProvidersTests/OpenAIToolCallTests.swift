import Domain
import NIOCore
import Providers
import Testing

/// Replies of servers that speak OpenAI's dialect their own way: calls stay apart, and nothing is lost without a word.
@Suite struct OpenAIToolCallTests {
    private func stream(_ choices: [String], done: Bool = true) throws -> [ChatEvent] {
        var decoder = OpenAIStreamDecoder(provider: "custom")
        var events: [ChatEvent] = []
        let text = choices.map { "data: {\"choices\":[\($0)]}\n\n" }.joined() + (done ? "data: [DONE]\n\n" : "")
        try decoder.push(ByteBuffer(string: text), into: &events)
        try decoder.finish(into: &events)
        return events
    }

    private func whole(_ choice: String) throws -> [ChatEvent] {
        try OpenAIReply.events(JSONValue(parsing: "{\"choices\":[\(choice)]}"), provider: "custom")
    }

    private func calls(_ events: [ChatEvent]) -> [ToolCall] {
        var collector = ReplyCollector()
        for event in events { collector.add(event) }
        return collector.toolCalls
    }

    private func failure(_ events: [ChatEvent]) -> ProviderError? {
        if case .failed(let error)? = events.last { error } else { nil }
    }

    private let both = [
        ToolCall(id: "c1", name: "add", arguments: #"{"a":1}"#), ToolCall(id: "c2", name: "sub", arguments: #"{"b":2}"#),
    ]
    private let end = #"{"delta":{},"finish_reason":"tool_calls"}"#

    /// Without numbers, with the same number, in one chunk or several.
    @Test(arguments: ["", #""index":0,"#])
    func aNewIDBeginsANewCall(index: String) throws {
        let first = #"{\#(index)"id":"c1","function":{"name":"add","arguments":"{\"a\":"}}"#
        let rest = #"{\#(index)"function":{"arguments":"1}"}}"#
        let second = #"{\#(index)"id":"c2","function":{"name":"sub","arguments":"{\"b\":2}"}}"#
        let apart = [first, rest, second].map { #"{"delta":{"tool_calls":[\#($0)]}}"# }
        #expect(calls(try stream(apart + [end])) == both)
        let together = #"{"delta":{"tool_calls":[\#(first),\#(rest),\#(second)]}}"#
        let events = try stream([together, end])
        #expect(calls(events) == both && events.last == .finish(.toolCalls))
    }

    @Test func piecesFindTheirCallByNumberOrID() throws {
        let begin = #"{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add"}},{"index":1,"id":"c2","function":{"name":"sub"}}]}}"#
        let numbered =
            #"{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"b\":2}"}},{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}"#
        let named = #"{"delta":{"tool_calls":[{"id":"c2","function":{"arguments":"{\"b\":2}"}},{"id":"c1","function":{"arguments":"{\"a\":1}"}}]}}"#
        for rest in [numbered, named] { #expect(calls(try stream([begin, rest, end])) == both) }
    }

    /// A server that makes up an id for every piece goes on with the call of that number.
    @Test func anIDWithoutANameIsNoNewCall() throws {
        let begin = #"{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\":"}}]}}"#
        let rest = #"{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"arguments":"1}"}}]}}"#
        #expect(calls(try stream([begin, rest, end])) == [both[0]])
    }

    @Test func theCallsOfAWholeReplyStandForThemselves() throws {
        let list =
            #"{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\":1}"}},{"index":0,"id":"c2","function":{"name":"sub","arguments":{"b":2}}}"#
        #expect(calls(try whole(#"{"message":{"tool_calls":[\#(list)]},"finish_reason":"tool_calls"}"#)) == both)
    }

    @Test func theOldFormIsACall() throws {
        let call = #""function_call":{"name":"add","arguments":"{\"a\":1}"}"#
        for events in [
            try whole(#"{"message":{"content":null,\#(call)},"finish_reason":"function_call"}"#),
            try stream([#"{"delta":{\#(call)}}"#, #"{"delta":{},"finish_reason":"function_call"}"#]),
        ] {
            #expect(calls(events).map(\.name) == ["add"] && calls(events).map(\.arguments) == [#"{"a":1}"#])
            #expect(events.last == .finish(.toolCalls))
        }
    }

    @Test(arguments: [#"{\"a\":"#, "[1]", "7", "two"])
    func aFinishedCallHasAnObject(arguments: String) throws {
        let call = #"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add","arguments":"\#(arguments)"}}]}"#
        for reason in ["tool_calls", "stop"] {
            for events in [
                try whole(#"{"message":\#(call),"finish_reason":"\#(reason)"}"#),
                try stream([#"{"delta":\#(call)}"#, #"{"delta":{},"finish_reason":"\#(reason)"}"#]),
            ] {
                #expect(failure(events)?.kind == .abortedReply && failure(events)?.message.contains("add") == true)
            }
        }
        // Cut at a limit: what came is passed on, and the reason says why it is no more.
        let cut = try stream([#"{"delta":\#(call)}"#, #"{"delta":{},"finish_reason":"length"}"#])
        #expect(cut.last == .finish(.length) && calls(cut).count == 1)
    }

    @Test func anEndThatPromisesACallHasOne() throws {
        for word in ["tool_calls", "function_call"] {
            #expect(failure(try whole(#"{"message":{"content":"Hello"},"finish_reason":"\#(word)"}"#))?.kind == .abortedReply)
            #expect(failure(try stream([#"{"delta":{"content":"Hello"},"finish_reason":"\#(word)"}"#]))?.kind == .abortedReply)
        }
    }

    @Test func anEndWithoutAReasonIsToldForWhatItIs() throws {
        let piece = { (text: String) in #"{"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"add","arguments":"\#(text)"}}]}}"# }
        #expect(failure(try stream([piece(#"{\"a\":"#)]))?.kind == .cutStream)
        #expect(try stream([piece(#"{\"a\":1}"#)]).last == .finish(.toolCalls))
        #expect(try stream([#"{"delta":{"content":"Hello"}}"#]).last == .finish(.other))
    }

    @Test func aMessageInPlaceOfADeltaIsReadOnce() throws {
        let message = #"{"message":{"content":"Hello"},"finish_reason":"stop"}"#
        for choices in [
            [message], [#"{"delta":null,"message":{"content":"Hello"},"finish_reason":"stop"}"#], [#"{"delta":{"content":"Hello"}}"#, message],
        ] {
            #expect(try stream(choices) == [.text("Hello"), .finish(.stop)])
        }
    }

    @Test(
        arguments: [
            #""content":42"#, #""content":{}"#, #""content":true"#, #""content":[{"type":"image_url","image_url":{"url":"data:"}}]"#,
            #""content":["Hello"]"#, #""tool_calls":{}"#, #""tool_calls":[7]"#, #""function_call":"add""#,
        ])
    func whatCannotBeReadIsRefusedByName(field: String) throws {
        let error = failure(try whole(#"{"message":{\#(field)},"finish_reason":"stop"}"#))
        #expect(error?.kind == .malformedReply && error?.message.contains("cannot be read") == true)
        #expect(throws: ProviderError.self) { try stream([#"{"delta":{\#(field)},"finish_reason":"stop"}"#]) }
    }

    /// Anthropic's dialect: the same promises.
    @Test(arguments: [(#"{\"a\":1}"#, true), (#"{\"a\":"#, false), ("[1]", false)])
    func anthropicsCallsAreWholeToo(input: String, isWhole: Bool) throws {
        for (reason, cut) in [("tool_use", false), ("max_tokens", true)] {
            var decoder = AnthropicStreamDecoder(provider: "anthropic")
            var events: [ChatEvent] = []
            let lines = [
                #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t1","name":"add","input":{}}}"#,
                #"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\#(input)"}}"#,
                #"{"type":"content_block_stop","index":0}"#,
                #"{"type":"message_delta","delta":{"stop_reason":"\#(reason)"}}"#, #"{"type":"message_stop"}"#,
            ]
            try decoder.push(ByteBuffer(string: lines.map { "data: \($0)\n\n" }.joined()), into: &events)
            try decoder.finish(into: &events)
            #expect((failure(events) == nil) == (isWhole || cut))
        }
    }

    @Test(arguments: [("[1]", false), ("{}", true), (#""text""#, false)]) func anthropicsWholeCallsHaveAnObject(input: String, isWhole: Bool) throws {
        for (reason, cut) in [("tool_use", false), ("end_turn", false), ("max_tokens", true)] {
            let json = try JSONValue(
                parsing: #"{"content":[{"type":"tool_use","id":"t1","name":"add","input":\#(input)}],"stop_reason":"\#(reason)"}"#)
            #expect((failure(try AnthropicReply.events(json, provider: "anthropic")) == nil) == (isWhole || cut))
        }
    }

    @Test func anthropicsPromiseOfACallHasOne() throws {
        let json = try JSONValue(parsing: #"{"content":[{"type":"text","text":"Hello"}],"stop_reason":"tool_use"}"#)
        #expect(failure(try AnthropicReply.events(json, provider: "anthropic"))?.kind == .abortedReply)
    }
}
