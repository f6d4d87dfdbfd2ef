import Domain
import Providers
import Store

/// From a request's body to a provider key's settings, and whether to try the key.
struct ProviderKeyFields {
    var settings: ProviderKeySettings
    var options: KeyTrial.Options

    /// - Parameter current: what an absent field keeps; nil for a new key.
    init(_ fields: inout RequestFields, current: ProviderKeySettings?) {
        settings = current ?? .init()
        settings.label = fields.name("label", length: 1...60) ?? settings.label
        if settings.label.hasPrefix("key_") { fields.fail("label", "must not begin with key_: ids do") }
        let url = fields.string("base_url", length: 0...500)
        if fields.mentions("base_url") { settings.baseURL = url == "" ? nil : url }
        settings.isActive = fields.bool("is_active") ?? settings.isActive
        settings.weight = fields.number("weight", 0.001...1000) ?? settings.weight
        let most = fields.integer("max_concurrent", 1...10_000)
        if fields.mentions("max_concurrent") { settings.maxConcurrent = most }
        if let entries = fields.objects("prices", max: 200) {
            settings.prices = entries.enumerated().map { Self.price($1, $0, &fields) }
            let models = settings.prices.map(\.model)
            if Set(models).count != models.count { fields.fail("prices", "two entries are for the same model") }
        } else if fields.mentions("prices"), !fields.has("prices") {
            settings.prices = []
        }
        options = KeyTrial.Options(
            isWanted: fields.bool("test") ?? true, savesRefused: fields.bool("save_anyway") ?? false,
            model: fields.name("test_model"))
    }

    private static func price(_ entry: [String: JSONValue], _ index: Int, _ fields: inout RequestFields) -> ModelPrice {
        var inner = RequestFields(entry, prefix: "prices[\(index)].")
        // Dollars per million tokens; nothing sold costs a hundredth of the bound.
        let range = 0.0...1_000_000
        for field in ["input", "output"] where !inner.has(field) { inner.fail(field, "is required") }
        let price = ModelPrice(
            model: inner.name("model"), input: inner.number("input", range) ?? 0, cachedInput: inner.number("cached_input", range),
            cacheWrite: inner.number("cache_write", range), output: inner.number("output", range) ?? 0)
        fields.adopt(inner)
        return price
    }
}
