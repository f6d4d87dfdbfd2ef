import Providers
import Store

extension Meter {
    /// What an admitted request's every upstream call passes: refuses a key beyond its limits, and a model whose
    /// price is unknown where a budget does not allow that. The router then takes the next route. What is let through is in
    /// the journal before it is sent.
    /// - Parameter prices: the router's, where it knows more of them than the meter.
    public func gate(_ admission: Admission, prices: PriceTable? = nil, answerID: String? = nil) -> @Sendable (Route) throws(ProviderError) -> Void {
        let prices = prices ?? self.prices
        return { [self] route throws(ProviderError) in
            let price = route.price ?? prices.price(provider: route.provider, model: route.model)
            let now = now
            let exceeded: LimitExceeded? = admission.account.state.withLock { state in
                if price == nil {
                    let minion = admission.minion.flatMap { state.settings.minions[$0] }
                    for (limits, scope) in [(state.limits, LimitExceeded.Scope.user), (minion ?? Limits(), .minion)] where limits.refusesUnpriced {
                        let what: LimitName = limits.costPerDay != nil ? .costPerDay : .costPerMonth
                        var exceeded = LimitExceeded(scope: scope, what: what, limit: limits[what] ?? 0, used: 0, asked: 0)
                        exceeded.isUnpriced = true
                        return exceeded
                    }
                }
                guard let key = route.keyID else { return nil }
                return state.admit(admission, key: key, cost: price == nil ? nil : price?.isFree == true ? 0 : admission.ask.cost, now: now)
            }
            guard let exceeded else { return admission.begin(route, price: price, answerID: answerID) }
            count(exceeded)
            throw ProviderError(.budget, provider: route.provider, message: exceeded.description, retryAfter: exceeded.retryAfter)
        }
    }
}

extension Price {
    fileprivate var isFree: Bool { input == 0 && output == 0 && (cachedInput ?? 0) == 0 && (cacheWrite ?? 0) == 0 }
}
