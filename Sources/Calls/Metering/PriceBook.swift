import Domain
import Providers
import Store

/// The prices of one request: what its user pays, and what the operator knows.
///
/// Users write prices themselves, on their keys and in definitions of their own. Those say what a call costs the user, and
/// the budgets users set count them. A superuser's budget counts a call at the dearer of both, so that no price a user
/// writes can lift it. A call that is free by its user's word alone counts there as one whose price is unknown.
public struct PriceBook: Sendable {
    /// The operator's, with the prices of the user's own definitions over them.
    let paid: PriceTable
    /// The operator's: the built-in table and the definitions made for everybody. Nil where `paid` is just that.
    private let known: PriceTable?

    init(paid: PriceTable, known: PriceTable?) {
        self.paid = paid
        self.known = known
    }

    /// No user has a say in it.
    init(_ operators: PriceTable) { self.init(paid: operators, known: nil) }

    /// US dollars by both counts; nil where the price is unknown.
    struct Cost: Sendable, Equatable {
        var paid: Double?
        var counted: Double?
    }

    /// What the user pays along a route; nil where that is unknown.
    public func paid(_ route: Route) -> Price? { route.price ?? paid.price(provider: route.provider, model: route.model) }

    /// What the user pays along a route, nil where that is unknown, and whether a superuser's budget can count it.
    func price(_ route: Route) -> (paid: Price?, isCounted: Bool) {
        let price = paid(route)
        // The same entry of the same table: nothing to compare.
        if route.price == nil, known == nil { return (price, price != nil) }
        return (price, knownPrice(route.provider, route.model) != nil || price.map { !$0.isFree } ?? false)
    }

    /// The most that a call may cost which takes any one of the routes; without a route there is no call.
    /// - Parameter isLocalToo: whether a model of this server's own may answer as well, which costs nothing.
    func most(_ routes: [Route], _ usage: TokenUsage, isLocalToo: Bool = false) -> Cost {
        var dearest = routes.isEmpty || isLocalToo ? Cost(paid: 0, counted: 0) : Cost()
        for route in routes {
            let cost = most(route, usage)
            if let paid = cost.paid { dearest.paid = max(dearest.paid ?? 0, paid) }
            if let counted = cost.counted { dearest.counted = max(dearest.counted ?? 0, counted) }
        }
        return dearest
    }

    /// Whether the calls of these routes are counted at another cost than the user pays.
    func countsApart(_ routes: [Route]) -> Bool { known != nil || routes.contains { $0.price != nil } }

    /// What a superuser's budget counts of a record beyond its cost.
    func counted(_ record: UsageRecord) -> Double? {
        guard let input = record.inputTokens else { return nil }
        let usage = TokenUsage(
            input: input, output: record.outputTokens ?? 0, cachedInput: record.cachedTokens ?? 0, cacheWrite: record.cacheWriteTokens ?? 0)
        guard let cost = counted(record.provider, record.model, usage), cost > record.cost ?? -1 else { return nil }
        return cost
    }

    /// US dollars at the known price.
    func counted(_ provider: String, _ model: String, _ usage: TokenUsage) -> Double? { knownPrice(provider, model)?.cost(usage) }

    private func knownPrice(_ provider: String, _ model: String) -> Price? { (known ?? paid).price(provider: provider, model: model) }

    private func most(_ route: Route, _ usage: TokenUsage) -> Cost {
        let price = paid(route)
        let own = price?.most(usage)
        if route.price == nil, known == nil { return Cost(paid: own, counted: own) }
        if let listed = knownPrice(route.provider, route.model)?.most(usage) { return Cost(paid: own, counted: max(listed, own ?? 0)) }
        return Cost(paid: own, counted: price?.isFree == true ? nil : own)
    }
}

extension Price {
    var isFree: Bool { input == 0 && output == 0 && (cachedInput ?? 0) == 0 && (cacheWrite ?? 0) == 0 }

    /// In each part the dearer of two.
    package static func dearest(_ one: Price?, _ other: Price) -> Price {
        guard var price = one else { return other }
        price.input = max(price.input, other.input)
        price.output = max(price.output, other.output)
        price.cachedInput = max(price.cachedInput ?? price.input, other.cachedInput ?? other.input)
        price.cacheWrite = max(price.cacheWrite ?? price.input, other.cacheWrite ?? other.input)
        return price
    }

    /// US dollars for `usage` at most: the input may turn out to be read from the vendor's cache or written to it.
    package func most(_ usage: TokenUsage) -> Double {
        (Double(usage.input) * max(input, cachedInput ?? 0, cacheWrite ?? 0) + Double(usage.output) * output) / 1_000_000
    }
}
