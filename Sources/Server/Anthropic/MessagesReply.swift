import Answers
import Domain
import NIOCore
import Providers

/// Writes a whole message in Anthropic's form.
enum MessagesReply {
    static func whole(_ completion: Completion, model: String) -> ByteBuffer {
        var json = JSONBytes(capacity: 512 + completion.text.utf8.count)
        head(id: GatewayID.make("msg_"), model: model, to: &json)
        json.raw(#","content":["#)
        var isFirst = true
        func next() {
            if !isFirst { json.raw(",") }
            isFirst = false
        }
        if !completion.reasoning.isEmpty {
            next()
            // Only Anthropic signs thoughts, and its signature does not reach us.
            json.raw(#"{"type":"thinking","signature":"","thinking":"#)
            json.string(completion.reasoning)
            json.raw("}")
        }
        // A call that was cut has no input that could be written: the block is left out, and `stop_reason` says what cut it.
        let calls = completion.toolCalls.compactMap { call in input(call.arguments).map { (call, $0) } }
        if !completion.text.isEmpty || calls.isEmpty {
            next()
            json.raw(#"{"type":"text","text":"#)
            json.string(completion.text)
            json.raw("}")
        }
        for (call, input) in calls {
            next()
            json.raw(#"{"type":"tool_use","id":"#)
            json.string(call.id.isEmpty ? GatewayID.make("toolu_") : call.id)
            json.raw(#","name":"#)
            json.string(call.name)
            json.raw(#","input":"#)
            json.raw(input.serialized())
            json.raw("}")
        }
        json.raw(#"],"stop_reason":""#)
        json.raw(stopReason(completion.finish))
        json.raw(#"","stop_sequence":null,"usage":"#)
        write(completion.usage, to: &json)
        writeOrigin(completion, to: &json)
        json.raw("}")
        return json.buffer
    }

    /// In full mode the member `atelier`, the same as in a chat completion; with the comma before it.
    static func writeOrigin(_ completion: Completion, to json: inout JSONBytes) {
        guard let answer = completion.answer else { return }
        json.raw(#","atelier":"#)
        json.raw(ChatCompletionReply.origin(answer).serialized())
    }

    /// The members that whole and streamed messages begin with; the object is left open.
    static func head(id: String, model: String, to json: inout JSONBytes) {
        json.raw(#"{"id":""#)
        json.raw(id)
        json.raw(#"","type":"message","role":"assistant","model":"#)
        json.string(model)
    }

    /// Anthropic counts cached tokens beside the input, not within it.
    static func write(_ usage: TokenUsage, to json: inout JSONBytes) {
        json.raw(#"{"input_tokens":"#)
        let cached = TokenUsage(input: usage.cachedInput, output: usage.cacheWrite).total
        json.integer(max(0, usage.input - cached))
        json.raw(#","cache_creation_input_tokens":"#)
        json.integer(usage.cacheWrite)
        json.raw(#","cache_read_input_tokens":"#)
        json.integer(usage.cachedInput)
        json.raw(#","output_tokens":"#)
        json.integer(usage.output)
        json.raw("}")
    }

    /// Which stop sequence ended a reply no vendor but Anthropic says, so none is told.
    static func stopReason(_ reason: FinishReason) -> String {
        switch reason {
        case .stop, .other: "end_turn"
        case .length: "max_tokens"
        case .toolCalls: "tool_use"
        case .contentFilter: "refusal"
        }
    }

    /// The arguments as the object Anthropic wants; nil for text that is none, as where the reply was cut within it.
    private static func input(_ arguments: String) -> JSONValue? {
        if arguments.allSatisfy(\.isWhitespace) { return .object([:]) }
        guard let value = try? JSONValue(parsing: arguments), value.objectValue != nil else { return nil }
        return value
    }
}
