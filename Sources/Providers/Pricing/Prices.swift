/// The embedded prices: standard tier, US dollars per million tokens, as known on the day each entry
/// carries and not checked with the vendor since: check them there before billing on them. A model
/// that is not here has no price. An operator adds their own through ``PriceTable/adding(_:)``.
enum Prices {
    /// Raise it with every change.
    static let version = "2026-11-23"

    static let all = openAI + anthropic + free

    private static let openAI: [Price] = [
        ("gpt-5", 1.25, 0.125, 10.00),
        ("gpt-5-mini", 0.25, 0.025, 2.00),
        ("gpt-5-nano", 0.05, 0.005, 0.40),
        ("gpt-4.1", 2.00, 0.50, 8.00),
        ("gpt-4.1-mini", 0.40, 0.10, 1.60),
        ("gpt-4.1-nano", 0.10, 0.025, 0.40),
        ("gpt-4o-mini", 0.15, 0.075, 0.60),
        ("text-embedding-3-small", 0.02, 0.02, 0),
        ("text-embedding-3-large", 0.13, 0.13, 0),
    ].map { model, input, cached, output in
        Price(
            provider: "openai", model: model, input: input, cachedInput: cached, output: output, asOf: "2025-08-07",
            source: "https://platform.openai.com/docs/pricing")
    }

    /// Cache writes are the five-minute kind.
    private static let anthropic: [Price] = [
        ("claude-opus-4-8", 5.00, 0.50, 6.25, 25.00),
        ("claude-opus-4-7", 5.00, 0.50, 6.25, 25.00),
        ("claude-opus-4-6", 5.00, 0.50, 6.25, 25.00),
        ("claude-opus-4-5", 5.00, 0.50, 6.25, 25.00),
        ("claude-sonnet-4-6", 3.00, 0.30, 3.75, 15.00),
        ("claude-sonnet-4-5", 3.00, 0.30, 3.75, 15.00),
        ("claude-haiku-4-5", 1.00, 0.10, 1.25, 5.00),
        ("claude-opus-4-1", 15.00, 1.50, 18.75, 75.00),
        ("claude-sonnet-4", 3.00, 0.30, 3.75, 15.00),
    ].map { model, input, cached, write, output in
        Price(
            provider: "anthropic", model: model, input: input, cachedInput: cached, cacheWrite: write, output: output, asOf: "2026-05-29",
            source: "https://platform.claude.com/docs/en/about-claude/pricing")
    }

    /// Models on one's own machine: no vendor is paid.
    private static let free: [Price] = ["local", "ollama"].map {
        Price(provider: $0, model: nil, input: 0, output: 0, asOf: version, source: "runs on your own machine")
    }
}
