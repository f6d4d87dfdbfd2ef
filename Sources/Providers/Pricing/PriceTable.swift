/// Prices by provider and model. What is not in the table has no price: `nil`, never zero.
public struct PriceTable: Sendable {
    private let prices: [String: [Price]]
    /// Changes whenever the embedded data changes; recorded beside costs.
    public let version: String

    /// - Parameter prices: a later entry for the same provider and model replaces an earlier one.
    public init(_ prices: [Price], version: String) {
        var table: [String: [Price]] = [:]
        for price in prices {
            table[price.provider, default: []].removeAll { $0.model == price.model }
            table[price.provider, default: []].append(price)
        }
        self.prices = table
        self.version = version
    }

    /// The embedded prices.
    public static let standard = PriceTable(Prices.all, version: Prices.version)

    /// This table with an operator's own prices over it.
    public func adding(_ own: [Price]) -> PriceTable {
        PriceTable(prices.values.flatMap { $0 } + own, version: version + (own.isEmpty ? "" : "+own"))
    }

    /// The price of `model`; one for exactly this name goes before a provider-wide one.
    public func price(provider: String, model: String) -> Price? {
        let covering = (prices[provider] ?? []).filter { $0.covers(model) }
        return covering.max { ($0.model?.count ?? -1) < ($1.model?.count ?? -1) }
    }

    /// US dollars, or `nil` where the price is unknown.
    public func cost(provider: String, model: String, usage: TokenUsage) -> Double? {
        price(provider: provider, model: model)?.cost(usage)
    }
}
