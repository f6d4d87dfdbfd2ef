import Domain
import Providers
import Store

/// What users say they pay, as prices.
public enum OwnPrices {
    /// The price of `model` among a key's own, found as in the price table: the most exact entry wins.
    public static func price(_ own: [ModelPrice], provider: String, model: String) -> Price? {
        guard !own.isEmpty else { return nil }
        let prices = own.map {
            Price(
                provider: provider, model: $0.model, input: $0.input, cachedInput: $0.cachedInput, cacheWrite: $0.cacheWrite, output: $0.output,
                asOf: "", source: "the user's own")
        }
        return PriceTable(prices, version: "own").price(provider: provider, model: model)
    }
}
