import Providers
import Store

extension Meter {
    /// What an admitted request's every upstream call passes: refuses a key beyond its limits, a model whose price is
    /// unknown where a budget does not allow that, and another call where the failed ones before it have cost what it
    /// would need. The router then takes the next route. What is let through is in the journal before it is sent.
    public func gate(_ admission: Admission, answerID: String? = nil) -> AttemptGate {
        { [self] route throws(ProviderError) in
            let price = admission.prices.prices(route)
            let now = now
            let exceeded: LimitExceeded? = admission.account.state.withLock { state in
                if !price.isPaid || !price.isCounted {
                    let minion = admission.minion.flatMap { state.settings.minions[$0] } ?? Limits()
                    let budgets: [(Limits, scope: (LimitName) -> LimitExceeded.Scope, isKnown: Bool)] = [
                        (state.limits, { _ in .user }, price.isPaid), (state.imposed, state.settings.imposedScope, price.isCounted),
                        (minion, { _ in .minion }, price.isPaid),
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
                return state.admit(admission, key: key, cost: price.isPaid ? price.isFree ? 0 : admission.ask.cost : nil, now: now)
            }
            guard let exceeded else { return admission.begin(route, answerID: answerID) }
            count(exceeded)
            throw ProviderError(.budget, provider: route.provider, message: exceeded.description, retryAfter: exceeded.retryAfter)
        }
    }
}
