import Domain

/// Prices by provider and model. What is not in the table has no price: `nil`, never zero.
public struct PriceTable: Sendable {
    private struct Prices: Sendable {
        var byModel: [String: Price] = [:]
        /// For every other model.
        var general: Price?
    }

    private let prices: [String: Prices]
    /// Changes whenever the data changes; recorded beside costs.
    public let version: String

    /// - Parameter prices: a later entry for the same provider and model replaces an earlier one.
    public init(_ prices: [Price], version: String) {
        var table: [String: Prices] = [:]
        for price in prices {
            if let model = price.model {
                table[price.provider, default: Prices()].byModel[model] = price
            } else {
                table[price.provider, default: Prices()].general = price
            }
        }
        self.prices = table
        self.version = version
    }

    /// Reads a price list: `{"version": "…", "prices": [{"provider", "model", "input", "cached_input",
    /// "cache_write", "output", "as_of", "source"}]}` in US dollars per million tokens. Without
    /// `model` an entry is for every model of the provider.
    /// - Throws: ``DataProblems`` with every problem at once, ``JSONSyntaxError``.
    public init(parsing bytes: [UInt8]) throws {
        var fields = FieldReader(try JSONValue(parsing: bytes))
        let version = fields.requiredString("version")
        _ = fields.string("note")
        var prices: [Price] = []
        var names: Set<String> = []
        for (index, entry) in (fields.list("prices") ?? []).enumerated() {
            let (price, problems, unlisted) = Price.read(entry, at: "prices[\(index)]")
            fields.add(problems, unlisted: unlisted)
            prices.append(price)
            let name = "\(price.provider)/\(price.model ?? "")"
            if !names.insert(name).inserted { fields.fail("prices[\(index)]", "\(name) stands there twice") }
        }
        fields.refuseUnknown()
        guard fields.problems.isEmpty else { throw DataProblems(fields.problems, unlisted: fields.unlisted) }
        self.init(prices, version: version)
    }

    /// The embedded prices, from `Resources/prices.json`: standard tier, as known on the day each entry
    /// carries and not checked with the vendor since. Check them there before billing on them.
    public static let standard: PriceTable = {
        do { return try PriceTable(parsing: PackageResources.prices_json) } catch { preconditionFailure("prices.json: \(error)") }
    }()

    /// This table with an operator's or a provider's own prices over it.
    public func adding(_ own: [Price]) -> PriceTable {
        own.isEmpty ? self : PriceTable(all + own, version: version + "+own")
    }

    /// Every price, in no order.
    public var all: [Price] { prices.values.flatMap { [Price]($0.byModel.values) + ($0.general.map { [$0] } ?? []) } }

    /// The price of `model`: one for exactly this name, else for the model of which it is a dated
    /// snapshot (`-2025-04-14`, `-20250514`), else the provider's general one.
    public func price(provider: String, model: String) -> Price? {
        guard let prices = prices[provider] else { return nil }
        return prices.byModel[model] ?? Self.withoutDate(model).flatMap { prices.byModel[$0] } ?? prices.general
    }

    /// US dollars, or `nil` where the price is unknown.
    public func cost(provider: String, model: String, usage: TokenUsage) -> Double? {
        price(provider: provider, model: model)?.cost(usage)
    }

    /// `name` without the date at its end; `nil` where there is none.
    static func withoutDate(_ name: String) -> String? {
        for date in ["-20YY-MM-DD", "-20YYMMDD"] {
            let start = name.utf8.count - date.utf8.count
            guard start > 0 else { continue }
            let matches = zip(name.utf8.dropFirst(start), date.utf8).allSatisfy { byte, pattern in
                switch pattern {
                case UInt8(ascii: "Y"), UInt8(ascii: "M"), UInt8(ascii: "D"): (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                default: byte == pattern
                }
            }
            if matches { return String(decoding: name.utf8.prefix(start), as: UTF8.self) }
        }
        return nil
    }
}
