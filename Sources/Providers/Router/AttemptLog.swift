import Foundation
import Synchronization

/// The attempts of one routed call. Each is reported exactly once, in order, whoever ends it: the
/// routing task, or the caller by cancelling. After `close`, nothing is added any more.
final class AttemptLog: Sendable {
    private struct Open {
        var provider: String
        var model: String
        var keyID: String?
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
    private let report: (@Sendable (Attempt) -> Void)?

    init(prices: PriceTable, report: (@Sendable (Attempt) -> Void)?) {
        self.prices = prices
        self.report = report
    }

    var attempts: [Attempt] { state.withLock { $0.attempts } }

    /// False once the caller has gone; then no upstream call may begin.
    func begin(_ route: Route, _ request: ChatRequest) -> Bool {
        let meter = AttemptMeter(request)
        return state.withLock { state in
            guard !state.isClosed else { return false }
            state.open = Open(provider: route.provider, model: route.model, keyID: route.keyID, startedAt: Date(), clock: .now, meter: meter)
            return true
        }
    }

    func add(_ event: ChatEvent) {
        state.withLock { state in
            guard var open = state.open else { return }
            state.open = nil  // The meter is held once while it is written to.
            open.meter.add(event)
            if open.firstToken == nil, event.isToken { open.firstToken = open.clock.duration(to: .now) }
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
            // A refusal costs nothing; work that broke off does.
            let worked = meter.hasEvents || error.kind == .timeout || error.kind == .cutStream
            attempt.usage = worked ? meter.unfinished : nil
        }
    }

    /// We did not let it go to the vendor.
    func refuse(_ error: ProviderError) {
        end { attempt, _ in
            attempt.outcome = error.kind.rawValue
            attempt.message = error.message
            attempt.wasSent = false
        }
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
            var attempt = Attempt(
                provider: open.provider, model: open.model, startedAt: open.startedAt, outcome: "",
                milliseconds: open.clock.duration(to: .now).milliseconds, firstTokenMilliseconds: open.firstToken?.milliseconds)
            attempt.keyID = open.keyID
            fill(&attempt, open.meter)
            attempt.cost = attempt.usage.flatMap { prices.cost(provider: open.provider, model: open.model, usage: $0) }
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
