import Answers
import Domain
import Foundation
import NIOCore
import Providers

/// Writes OpenAI's reply objects: one `id` and `created` throughout a reply.
struct ChatCompletionReply: Sendable {
    private let id = GatewayID.make("chatcmpl-")
    private let created = Int(Date().timeIntervalSince1970)
    private let model: String

    init(model: String) { self.model = model }

    func whole(_ completion: Completion) -> ByteBuffer {
        var json = head("chat.completion", capacity: 512 + completion.text.utf8.count)
        json.raw(#""choices":[{"index":0,"message":{"role":"assistant","content":"#)
        if completion.text.isEmpty, !completion.toolCalls.isEmpty { json.raw("null") } else { json.string(completion.text) }
        json.raw(#","refusal":null"#)
        if !completion.reasoning.isEmpty {
            json.raw(#","reasoning_content":"#)
            json.string(completion.reasoning)
        }
        if !completion.toolCalls.isEmpty {
            json.raw(#","tool_calls":["#)
            for (index, call) in completion.toolCalls.enumerated() {
                if index > 0 { json.raw(",") }
                json.raw("{")
                Self.write(id: call.id, name: call.name, arguments: call.arguments, to: &json)
            }
            json.raw("]")
        }
        json.raw(#"},"logprobs":null,"finish_reason":""#)
        json.raw(Self.name(completion.finish))
        json.raw(#""}],"usage":"#)
        Self.write(completion.usage, to: &json)
        if let answer = completion.answer {
            json.raw(#","atelier":"#)
            json.raw(Self.origin(answer).serialized())
        }
        json.raw("}")
        return json.buffer
    }

    /// The chunk every stream begins with.
    func opening() -> ByteBuffer { chunk { $0.raw(#"{"role":"assistant","content":""}"#) } }

    /// The chunk for an event; nil where OpenAI's clients are told nothing.
    func chunk(_ event: ChatEvent) -> ByteBuffer? {
        switch event {
        case .text(let text):
            chunk {
                $0.raw(#"{"content":"#)
                $0.string(text)
                $0.raw("}")
            }
        case .reasoning(let text):
            chunk {
                $0.raw(#"{"reasoning_content":"#)
                $0.string(text)
                $0.raw("}")
            }
        case .toolCall(let index, let id, let name, let arguments):
            chunk {
                $0.raw(#"{"tool_calls":[{"index":"#)
                $0.integer(index)
                $0.raw(",")
                Self.write(id: id, name: name, arguments: arguments, to: &$0)
                $0.raw("]}")
            }
        case .model, .usage, .finish, .failed: nil
        }
    }

    /// The chunk with the finish reason and, in full mode, where the answer came from.
    func closing(_ completion: Completion) -> ByteBuffer {
        chunk(finish: completion.finish, origin: completion.answer.map(Self.origin)) { $0.raw("{}") }
    }

    /// The chunk that `stream_options.include_usage` asks for.
    func usageChunk(_ completion: Completion) -> ByteBuffer {
        var json = head("chat.completion.chunk", prefix: "data: ")
        json.raw(#""choices":[],"usage":"#)
        Self.write(completion.usage, to: &json)
        json.raw("}\n\n")
        return json.buffer
    }

    static let done = ByteBuffer(string: "data: [DONE]\n\n")

    private func head(_ kind: StaticString, prefix: StaticString = "", capacity: Int = 512) -> JSONBytes {
        var json = JSONBytes(capacity: capacity)
        json.raw(prefix)
        json.raw(#"{"id":""#)
        json.raw(id)
        json.raw(#"","object":""#)
        json.raw(kind)
        json.raw(#"","created":"#)
        json.integer(created)
        json.raw(#","model":"#)
        json.string(model)
        json.raw(",")
        return json
    }

    private func chunk(finish: FinishReason? = nil, origin: JSONValue? = nil, _ delta: (inout JSONBytes) -> Void) -> ByteBuffer {
        var json = head("chat.completion.chunk", prefix: "data: ")
        json.raw(#""choices":[{"index":0,"delta":"#)
        delta(&json)
        json.raw(#","logprobs":null,"finish_reason":"#)
        if let finish {
            json.raw("\"")
            json.raw(Self.name(finish))
            json.raw("\"")
        } else {
            json.raw("null")
        }
        json.raw("}]")
        if let origin {
            json.raw(#","atelier":"#)
            json.raw(origin.serialized())
        }
        json.raw("}\n\n")
        return json.buffer
    }

    /// The members of a tool call, and the brace after them. What is absent is not told again.
    private static func write(id: String?, name: String?, arguments: String, to json: inout JSONBytes) {
        if let id {
            json.raw(#""id":"#)
            json.string(id)
            json.raw(",")
        }
        if id != nil || name != nil { json.raw(#""type":"function","#) }
        json.raw(#""function":{"#)
        if let name {
            json.raw(#""name":"#)
            json.string(name)
            json.raw(",")
        }
        json.raw(#""arguments":"#)
        json.string(arguments)
        json.raw("}}")
    }

    private static func write(_ usage: TokenUsage, to json: inout JSONBytes) {
        json.raw(#"{"prompt_tokens":"#)
        json.integer(usage.input)
        json.raw(#","completion_tokens":"#)
        json.integer(usage.output)
        json.raw(#","total_tokens":"#)
        json.integer(usage.total)
        json.raw(#","prompt_tokens_details":{"cached_tokens":"#)
        json.integer(usage.cachedInput)
        json.raw(#"},"completion_tokens_details":{"reasoning_tokens":"#)
        json.integer(usage.reasoning)
        json.raw("}}")
    }

    /// Beside what the dialects define, so that their clients pass it through: where the answer came from.
    static func origin(_ answer: Answer) -> JSONValue {
        [
            "answer_id": .string(answer.id),
            "citations": .array(
                answer.citations.map { ["number": .int($0.number), "document": .string($0.document), "by": .string($0.by.rawValue)] }),
            "degraded": .array(answer.degraded.map { ["stage": .string($0.stage), "reason": .string($0.reason), "effect": .string($0.effect)] }),
        ]
    }

    private static func name(_ reason: FinishReason) -> String { reason == .other ? "stop" : reason.rawValue }
}
