import Domain
import Providers
import Store

extension Meter {
    /// What an admitted request's every upstream call passes: refuses a key beyond its limits, a model whose price is
    /// unknown where a budget does not allow that, and another call where the failed ones before it have cost what it
    /// would need. The router then takes the next route. What is let through is in the journal before it is sent.
    public func gate(_ admission: Admission, answerID: String? = nil) -> AttemptGate {
        { [self] route throws(ProviderError) in
            let (price, isCounted) = admission.prices.price(route)
            let now = now
            let exceeded: LimitExceeded? = admission.account.state.withLock { state in
                if price == nil || !isCounted {
                    let minion = admission.minion.flatMap { state.settings.minions[$0] } ?? Limits()
                    let budgets: [(Limits, scope: (LimitName) -> LimitExceeded.Scope, isKnown: Bool)] = [
                        (state.limits, { _ in .user }, price != nil), (state.imposed, state.settings.imposedScope, isCounted),
                        (minion, { _ in .minion }, price != nil),
                    ]
                    for (limits, scope, isKnown) in budgets where !isKnown && limits.refusesUnpriced {
                        let what: LimitName = limits.costPerDay != nil ? .costPerDay : .costPerMonth
                        var exceeded = LimitExceeded(scope: scope(what), what: what, limit: limits[what] ?? 0, used: 0, asked: 0)
                        exceeded.isUnpriced = true
                        return exceeded
                    }
                }
                if let exceeded = state.holdFailed(admission, now: now) { return exceeded }
                guard let key = route.keyID else { return nil }
                return state.admit(admission, key: key, cost: price.flatMap { $0.isFree ? 0 : admission.ask.cost }, now: now)
            }
            guard let exceeded else { return admission.begin(route, price: price, answerID: answerID) }
            count(exceeded)
            throw ProviderError(.budget, provider: route.provider, message: exceeded.description, retryAfter: exceeded.retryAfter)
        }
    }
}
