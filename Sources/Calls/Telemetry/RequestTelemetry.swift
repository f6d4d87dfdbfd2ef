import Dispatch
import Providers
import Synchronization

/// What one HTTP request adds to the telemetry. It travels as a task-local value, so that the calls it
/// makes upstream find it wherever they are made.
public final class RequestTelemetry: Sendable {
    /// The request that the current task works for.
    @TaskLocal public static var current: RequestTelemetry?

    private struct State {
        /// Milliseconds.
        var upstream = 0.0
        var answers = false
        var isFinished = false
        /// When the last upstream call ended, in nanoseconds; 0 where there was none.
        var lastEnd: UInt64 = 0
        /// The last model that was asked for the answer.
        var previous: (provider: String, model: String)?
    }

    private enum Step { case first, again, instead }

    public let telemetry: Telemetry
    /// Nanoseconds; only differences mean anything.
    private let start = DispatchTime.now().uptimeNanoseconds
    private let state = Mutex(State())
    /// Nil where no trace is made of this request.
    private let recorder: SpanRecorder?

    init(_ telemetry: Telemetry, traceparent: String?) {
        self.telemetry = telemetry
        recorder = telemetry.isTracing ? SpanRecorder(parent: TraceParent(traceparent)) : nil
        telemetry.inFlight.add()
    }

    deinit {
        // A reply that was thrown away unwritten has ended too.
        if !state.withLock({ $0.isFinished }) { telemetry.inFlight.add(-1) }
    }

    /// The request is answered by a model, or from the cache: what it takes beyond its upstream calls
    /// is the gateway's own doing.
    public func answers() { state.withLock { $0.answers = true } }

    /// The response cache was asked; a hit answers the request.
    public func count(cacheHit: Bool) {
        if cacheHit { answers() }
        telemetry.count(cacheHit: cacheHit)
    }

    /// An upstream call has ended, or was not made after all.
    /// - Parameter purpose: `answer`, `draft`, `restyle`, `paraphrase`, `embedding`.
    public func observe(_ attempt: Attempt, purpose: String) {
        let series = telemetry.series(attempt.provider)
        series.observe(attempt, operation: purpose == "embedding" ? series.embeddings : series.chat)
        switch step(to: attempt, isAnswer: purpose == "answer") {
        case .first: break
        case .again: series.retries.add()
        case .instead: series.fallbacks.add()
        }
        recorder?.add(attempt, purpose: purpose)
    }

    /// Adds up the call's time and says how it follows on the one before.
    private func step(to attempt: Attempt, isAnswer: Bool) -> Step {
        let now = DispatchTime.now().uptimeNanoseconds
        return state.withLock { state in
            state.upstream += attempt.milliseconds
            state.lastEnd = now
            guard isAnswer else { return .first }
            guard let previous = state.previous else {
                state.previous = (attempt.provider, attempt.model)
                return .first
            }
            // One that was not sent is no retry, and the next one follows on what was asked before it.
            guard attempt.milliseconds > 0 else { return .first }
            if previous == (attempt.provider, attempt.model) { return .again }
            state.previous = (attempt.provider, attempt.model)
            return .instead
        }
    }

    /// A stage of the answer has ended.
    public func observe(_ timing: StageTiming) { recorder?.add(timing) }

    /// The model that answered, as its vendor names it.
    public func answered(by model: String) { recorder?.answered(by: model) }

    /// The reply's head is known.
    /// - Parameter route: the template, nil where none matched.
    public func count(method: String, route: String?, status: Int) {
        telemetry.requests.series(.init(method: Self.methods.contains(method) ? method : "other", route: route ?? "unmatched", status: status)).add()
    }

    /// The reply is complete: for a stream, its last byte is written. Once is enough.
    public func finish(method: String, route: String?, status: Int, isStream: Bool) {
        let now = DispatchTime.now().uptimeNanoseconds
        let (isFirst, answers, upstream, lastEnd) = state.withLock { state in
            defer { state.isFinished = true }
            return (!state.isFinished, state.answers, state.upstream, state.lastEnd)
        }
        guard isFirst else { return }
        telemetry.inFlight.add(-1)
        guard answers else { return }
        // A client that reads slowly is not the gateway's doing: a stream counts until its last upstream
        // call has ended.
        let end = isStream && lastEnd > 0 ? lastEnd : now
        let overhead = Int(end - start) - Telemetry.nanoseconds(upstream)
        telemetry.overhead.series(route ?? "unmatched").observe(max(0, overhead))
        if let recorder {
            telemetry.spans?.offer(recorder.finish(method: method, route: route, status: status, label: telemetry.label))
        }
    }

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
}
