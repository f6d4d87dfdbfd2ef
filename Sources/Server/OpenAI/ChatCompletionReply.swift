import Foundation
import Pipeline
import Providers
import Store

/// Writes OpenAI's reply objects: one `id` and `created` throughout a reply.
struct ChatCompletionReply: Sendable {
    let id = "chatcmpl-\(RowID.make("v1").dropFirst(3))"
    let created = Int(Date().timeIntervalSince1970)
    let model: String

    func chunk(_ delta: [String: JSONValue], finish: FinishReason? = nil) -> String {
        object(
            "chat.completion.chunk",
            choices: [["index": 0, "delta": .object(delta), "logprobs": .null, "finish_reason": finish.map { .string(Self.name($0)) } ?? .null]]
        ).serialized()
    }

    func usageChunk(_ answer: Answer) -> String {
        var object = object("chat.completion.chunk", choices: []).objectValue!
        object["usage"] = usage(answer)
        return JSONValue.object(object).serialized()
    }

    func whole(_ answer: Answer) -> String {
        var object = object(
            "chat.completion",
            choices: [
                [
                    "index": 0, "message": ["role": "assistant", "content": .string(answer.text), "refusal": .null], "logprobs": .null,
                    "finish_reason": .string(Self.name(answer.finishReason)),
                ]
            ]
        ).objectValue!
        object["usage"] = usage(answer)
        // Beside what OpenAI defines, so that its clients pass it through: where the answer came from.
        object["atelier"] = [
            "answer_id": .string(answer.id),
            "citations": .array(answer.citations.map { ["number": .int($0.number), "document": .string($0.document), "by": .string($0.by)] }),
            "degraded": .array(answer.degraded.map { ["stage": .string($0.stage), "reason": .string($0.reason), "effect": .string($0.effect)] }),
        ]
        return JSONValue.object(object).serialized()
    }

    private func object(_ kind: String, choices: [JSONValue]) -> JSONValue {
        ["id": .string(id), "object": .string(kind), "created": .int(created), "model": .string(model), "choices": .array(choices)]
    }

    /// Every token the answer took, the draft's among them.
    private func usage(_ answer: Answer) -> JSONValue {
        let tokens = answer.trace.tokens
        return ["prompt_tokens": .int(tokens.input), "completion_tokens": .int(tokens.output), "total_tokens": .int(tokens.input + tokens.output)]
    }

    private static func name(_ reason: FinishReason) -> String { reason == .other ? "stop" : reason.rawValue }
}
