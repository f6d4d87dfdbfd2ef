import Domain
import Foundation
import Providers
import Synchronization

/// Gathers what one request's trace is made of. Holds neither prompts nor answers nor ids.
final class SpanRecorder: Sendable {
    private struct Stage {
        var timing: StageTiming
        var end: Date
    }

    private struct State {
        var stages: [Stage] = []
        var attempts: [(attempt: Attempt, purpose: String)] = []
        var responseModel: String?
    }

    private let parent: TraceParent?
    private let start = Date()
    private let state = Mutex(State())

    /// Nil where the caller has decided that this trace is not wanted.
    init?(parent: TraceParent?) {
        if let parent, !parent.isSampled { return nil }
        self.parent = parent
    }

    func add(_ timing: StageTiming) {
        guard timing.status != "skipped" else { return }
        state.withLock { $0.stages.append(Stage(timing: timing, end: Date())) }
    }

    func add(_ attempt: Attempt, purpose: String) { state.withLock { $0.attempts.append((attempt, purpose)) } }

    func answered(by model: String) { state.withLock { $0.responseModel = model } }

    /// The request's span, with a child for each stage and each upstream call.
    func finish(method: String, route: String?, status: Int, label: (String) -> String) -> [Span] {
        let now = Date()
        let state = state.withLock { $0 }
        let traceID = parent?.traceID ?? Self.randomID(bytes: 16)
        var root = Span(
            traceID: traceID, id: Self.randomID(bytes: 8), parentID: parent?.spanID, name: "", kind: .server, start: Self.nanoseconds(start),
            end: Self.nanoseconds(now),
            attributes: [SpanAttribute.method: .text(method), SpanAttribute.statusCode: .number(status)], isError: status >= 500)
        root.attributes[SpanAttribute.route] = route.map { .text($0) }
        let stages = state.stages.map { stage in
            Span(
                traceID: traceID, id: Self.randomID(bytes: 8), parentID: root.id, name: stage.timing.stage, kind: .internal,
                start: Self.nanoseconds(stage.end.addingTimeInterval(-stage.timing.milliseconds / 1000)), end: Self.nanoseconds(stage.end),
                attributes: [SpanAttribute.stageStatus: .text(stage.timing.status)], isError: stage.timing.status == "failed")
        }
        let calls = state.attempts.map { attempt, purpose in
            // A call belongs to the stage that made it, where that stage came to its end.
            call(attempt, purpose, traceID: traceID, parent: stages.first { $0.name == purpose }?.id ?? root.id, label: label)
        }
        describe(&root, state, label: label)
        return [root] + stages + calls
    }

    private func describe(_ root: inout Span, _ state: State, label: (String) -> String) {
        let answers = state.attempts.filter { !["draft", "restyle"].contains($0.purpose) }
        let operation = GenAI.operation(purpose: answers.last?.purpose ?? "answer")
        root.name = ([operation] + (answers.first.map { [$0.attempt.model] } ?? [])).joined(separator: " ")
        root.attributes[SpanAttribute.operation] = .text(operation)
        root.attributes[SpanAttribute.requestModel] = answers.first.map { .text($0.attempt.model) }
        root.attributes[SpanAttribute.responseModel] = state.responseModel.map { .text($0) }
        guard let last = answers.last?.attempt else { return }
        root.attributes[SpanAttribute.provider] = .text(GenAI.provider(label(last.provider)))
        let usage = state.attempts.compactMap(\.attempt.usage).reduce(TokenUsage(input: 0, output: 0), +)
        root.attributes[SpanAttribute.inputTokens] = .number(usage.input)
        root.attributes[SpanAttribute.outputTokens] = .number(usage.output)
        if last.outcome != Attempt.ok {
            root.attributes[SpanAttribute.errorType] = .text(last.outcome)
            root.isError = true
        }
    }

    private func call(_ attempt: Attempt, _ purpose: String, traceID: String, parent: String, label: (String) -> String) -> Span {
        let operation = GenAI.operation(purpose: purpose)
        var span = Span(
            traceID: traceID, id: Self.randomID(bytes: 8), parentID: parent, name: "\(operation) \(attempt.model)", kind: .client,
            start: Self.nanoseconds(attempt.startedAt), end: Self.nanoseconds(attempt.startedAt.addingTimeInterval(attempt.milliseconds / 1000)),
            attributes: [
                SpanAttribute.operation: .text(operation), SpanAttribute.provider: .text(GenAI.provider(label(attempt.provider))),
                SpanAttribute.requestModel: .text(attempt.model), SpanAttribute.purpose: .text(purpose),
            ], isError: false)
        if let usage = attempt.usage {
            span.attributes[SpanAttribute.inputTokens] = .number(usage.input)
            span.attributes[SpanAttribute.outputTokens] = .number(usage.output)
        }
        span.attributes[SpanAttribute.statusCode] = attempt.status.map { .number($0) }
        if attempt.outcome != Attempt.ok {
            span.attributes[SpanAttribute.errorType] = .text(attempt.outcome)
            span.isError = true
        }
        return span
    }

    private static func nanoseconds(_ date: Date) -> UInt64 { UInt64(max(0, date.timeIntervalSince1970) * 1e6) * 1000 }

    /// Never all zeros, which would mean none.
    private static func randomID(bytes: Int) -> String {
        (0..<bytes / 8).map { _ in
            let digits = String(UInt64.random(in: 1...UInt64.max), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
