import Calls
import Domain
import Providers

/// An answer as the two vendors' endpoints tell it, whichever way it was made.
public struct Completion: Sendable {
    public var text: String
    public var reasoning: String
    public var toolCalls: [ToolCall]
    public var finish: FinishReason
    /// Every token the answer took: in full mode the draft's and failed calls' among them.
    public var usage: TokenUsage
    /// Present in full mode: citations and what was degraded.
    public var answer: Answer?
    /// Whether it was given before and cost nothing now.
    public var isCached = false

    public init(_ answer: Answer) {
        text = answer.text
        reasoning = answer.reasoning
        toolCalls = answer.toolCalls
        finish = Self.finish(answer.finishReason, answer.toolCalls)
        let attempts = answer.trace.order == nil ? answer.trace.attempts.suffix(1) : answer.trace.attempts[...]
        usage = attempts.compactMap(\.usage).reduce(TokenUsage(input: 0, output: 0), +)
        self.answer = answer.trace.order == nil ? nil : answer
        isCached = answer.cached ?? false
    }

    /// Some vendors end a reply of tool calls as if it were a text.
    private static func finish(_ reason: FinishReason, _ calls: [ToolCall]) -> FinishReason {
        reason == .stop && !calls.isEmpty ? .toolCalls : reason
    }
}
