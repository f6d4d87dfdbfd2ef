import Domain
import Foundation
import Synchronization

/// The attempts of one routed call. Each is reported exactly once, in order, whoever ends it: the
/// routing task, or the caller by cancelling. After `close`, nothing is added any more.
final class AttemptLog: Sendable {
    /// What is known of an attempt before it is sent.
    struct Plan: Sendable {
        var route: Route
        var index: Int
        var retry: Int
        var dropped: [String] = []

        /// - Parameter error: why nothing was sent, where nothing was.
        fileprivate func attempt(startedAt: Date, milliseconds: Double, unsent error: ProviderError? = nil) -> Attempt {
            Attempt(
                provider: route.provider, model: route.model, startedAt: startedAt, outcome: error?.kind.rawValue ?? "", status: error?.status,
                message: error?.message, milliseconds: milliseconds, keyID: route.keyID, route: index, retry: retry, dropped: dropped,
                wasSent: error == nil)
        }
    }

    private struct Open {
        var plan: Plan
        var startedAt: Date
        var clock: ContinuousClock.Instant
        var firstToken: Duration?
        var meter: AttemptMeter
    }

    private struct State {
        var attempts: [Attempt] = []
        var open: Open?
        var isClosed = false
    }

    private let state = Mutex(State())
    private let prices: PriceTable
    private let now: @Sendable () -> ContinuousClock.Instant
    private let report: (@Sendable (Attempt) -> Void)?

    init(prices: PriceTable, now: @escaping @Sendable () -> ContinuousClock.Instant, report: (@Sendable (Attempt) -> Void)?) {
        self.prices = prices
        self.now = now
        self.report = report
    }

    var attempts: [Attempt] { state.withLock { $0.attempts } }

    /// Milliseconds, of the attempt that ended last.
    var lastFirstToken: Double? { state.withLock { $0.attempts.last?.firstTokenMilliseconds } }

    /// False once the caller has gone; then no upstream call may begin.
    func begin(_ plan: Plan, _ request: ChatRequest) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.open = Open(plan: plan, startedAt: Date(), clock: now(), meter: AttemptMeter(request))
            return true
        }
    }

    func add(_ event: ChatEvent) { add(CollectionOfOne(event)) }

    func add(_ events: some Sequence<ChatEvent>) {
        state.withLock { state in
            guard var open = state.open else { return }
            state.open = nil  // The meter is held once while it is written to.
            for event in events {
                open.meter.add(event)
                if open.firstToken == nil, event.isToken { open.firstToken = open.clock.duration(to: now()) }
            }
            state.open = open
        }
    }

    func succeed() {
        end {
            $0.outcome = Attempt.ok; $0.usage = $1.finished
        }
    }

    func fail(_ error: ProviderError) {
        end { attempt, meter in
            attempt.outcome = error.kind.rawValue
            attempt.status = error.status
            attempt.message = error.message
            attempt.wasSent = error.wasSent
            // A refusal costs nothing; work that broke off does.
            let worked = meter.hasEvents || error.kind == .timeout || error.kind == .cutStream
            attempt.usage = worked ? meter.unfinished : nil
        }
    }

    /// A call that was not made after all.
    func skip(_ plan: Plan, _ error: ProviderError) {
        let skipped: Attempt? = state.withLock { state in
            guard !state.isClosed else { return nil }
            let attempt = plan.attempt(startedAt: Date(), milliseconds: 0, unsent: error)
            state.attempts.append(attempt)
            return attempt
        }
        if let skipped { report?(skipped) }
    }

    /// The caller has gone: ends the open attempt, if there is one, and lets no other begin.
    func close() {
        end(closing: true) { attempt, meter in
            attempt.outcome = Attempt.cancelled
            attempt.usage = meter.unfinished
        }
    }

    private func end(closing: Bool = false, _ fill: (inout Attempt, AttemptMeter) -> Void) {
        let ended: Attempt? = state.withLock { state in
            if closing { state.isClosed = true }
            guard let open = state.open else { return nil }
            state.open = nil
            var attempt = open.plan.attempt(startedAt: open.startedAt, milliseconds: open.clock.duration(to: now()).milliseconds)
            attempt.firstTokenMilliseconds = open.firstToken?.milliseconds
            fill(&attempt, open.meter)
            attempt.cost = attempt.usage.flatMap { usage in
                open.plan.route.price?.cost(usage) ?? prices.cost(provider: attempt.provider, model: attempt.model, usage: usage)
            }
            state.attempts.append(attempt)
            return attempt
        }
        if let ended { report?(ended) }
    }
}

extension Duration {
    /// As a decimal number, with a microsecond's precision and better.
    var milliseconds: Double { Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15 }
}

extension ProviderError {
    /// False for what was refused here, before anything was sent.
    var wasSent: Bool {
        switch kind {
        case .circuitOpen, .busy, .budget, .noKey: false
        case .unsupported, .permission, .invalidRequest: status != nil
        default: true
        }
    }
}
