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

    init(_ reply: ChatReply) {
        text = reply.text
        reasoning = reply.reasoning
        toolCalls = reply.toolCalls
        finish = Self.finish(reply.finish, reply.toolCalls)
        usage = reply.usage
    }

    init(_ answer: Answer) {
        text = answer.text
        reasoning = answer.reasoning
        toolCalls = answer.toolCalls
        finish = Self.finish(answer.finishReason, answer.toolCalls)
        usage = answer.trace.attempts.compactMap(\.usage).reduce(TokenUsage(input: 0, output: 0), +)
        self.answer = answer
        isCached = answer.cached ?? false
    }

    /// Some vendors end a reply of tool calls as if it were a text.
    private static func finish(_ reason: FinishReason, _ calls: [ToolCall]) -> FinishReason {
        reason == .stop && !calls.isEmpty ? .toolCalls : reason
    }
}

extension AnswerPipeline {
    /// Answers in the minion's mode.
    /// - Parameters:
    ///   - admission: of this very question.
    ///   - question: its `stream` says whether `onEvent` is called.
    ///   - onEvent: called with each event as it arrives; may wait for whoever reads them.
    /// - Throws: ``RouterError``; `CancellationError` where the calling task is cancelled, which closes
    ///   the upstream connection.
    public func complete(
        _ snapshot: MinionSnapshot, _ question: Question, _ admission: Admission, onEvent: @escaping @Sendable (ChatEvent) async -> Void = { _ in }
    ) async throws -> Completion {
        if snapshot.minion.pipeline.mode == .direct {
            return try await completeDirectly(snapshot, question, admission, onEvent: onEvent)
        }
        for try await event in ask(snapshot.minion, question, admission) {
            switch event {
            case .stage: break
            case .text(let text): await onEvent(.text(text))
            case .reasoning(let text): await onEvent(.reasoning(text))
            case .toolCall(let index, let id, let name, let arguments):
                await onEvent(.toolCall(index: index, id: id, name: name, arguments: arguments))
            case .done(let answer): return Completion(answer)
            }
        }
        throw CancellationError()
    }

    private func completeDirectly(
        _ snapshot: MinionSnapshot, _ question: Question, _ admission: Admission, onEvent: @escaping @Sendable (ChatEvent) async -> Void
    ) async throws -> Completion {
        let trial = CanaryTrial(snapshot.minion, conversation: question.conversationID)
        return try await trials.run(trial, isGood: { $0.isCached ? nil : true }) {
            try await completeRouted(snapshot.routed(by: trial), question, admission, onEvent: onEvent)
        }
    }

    private func completeRouted(
        _ snapshot: MinionSnapshot, _ question: Question, _ admission: Admission, onEvent: @escaping @Sendable (ChatEvent) async -> Void
    ) async throws -> Completion {
        let minion = snapshot.minion
        // Nothing is looked up where the minion does not cache.
        let entry =
            minion.pipeline.cache == .off
            ? nil : await cache.entry(for: minion, question.asCacheKey, as: "reply", temperature: question.sampling.temperature)
        if let entry, let reply = await direct.cached(snapshot, entry, question, admission, onEvent: onEvent) {
            var completion = Completion(reply)
            completion.isCached = true
            return completion
        }
        let request = question.request(question.messages, question.sampling)
        let reply =
            question.stream
            ? try await direct.stream(snapshot, request, admission, onEvent: onEvent) : try await direct.complete(snapshot, request, admission)
        if let entry, reply.mayBeKept, !(reply.finish == .length && admission.wasBounded) { await cache.keep(reply, at: entry) }
        return Completion(reply)
    }
}
