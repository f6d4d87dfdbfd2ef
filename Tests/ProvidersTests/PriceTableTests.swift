import Domain
import Providers
import Testing

@Suite struct PriceTableTests {
    private let prices = PriceTable.standard
    private let million = TokenUsage(input: 1_000_000, output: 1_000_000)

    @Test func knowsDatedSnapshotsButNotOtherModels() {
        #expect(prices.cost(provider: "openai", model: "gpt-4.1", usage: million) == 10)
        #expect(prices.cost(provider: "openai", model: "gpt-4.1-2025-04-14", usage: million) == 10)
        #expect(prices.cost(provider: "openai", model: "gpt-4.1-mini", usage: million) == 2)
        #expect(prices.cost(provider: "anthropic", model: "claude-sonnet-4-5-20250929", usage: million) == 18)
        #expect(prices.cost(provider: "anthropic", model: "claude-sonnet-4-20250514", usage: million) == 18)
    }

    @Test(
        "Trap 2: an unknown price is not zero",
        arguments: [("openai", "gpt-4.1-unheard-of"), ("openai", "gpt-9"), ("nvidia", "meta/llama"), ("nobody", "gpt-4.1"), ("custom", "x")])
    func anUnknownPriceIsNotZero(provider: String, model: String) {
        #expect(prices.cost(provider: provider, model: model, usage: million) == nil)
    }

    @Test(arguments: ["local", "ollama"])
    func onesOwnMachineIsFree(provider: String) {
        #expect(prices.cost(provider: provider, model: "anything", usage: million) == 0)
    }

    @Test func eachInputTokenIsPaidOnce() throws {
        let price = Price(provider: "p", model: "m", input: 10, cachedInput: 1, cacheWrite: 12.5, output: 100, asOf: "2026-01-01", source: "test")
        let table = PriceTable([price], version: "1")
        let usage = TokenUsage(input: 1000, output: 10, cachedInput: 600, cacheWrite: 300, reasoning: 5)
        let cost = try #require(table.cost(provider: "p", model: "m", usage: usage))
        #expect(abs(cost - (100 * 10 + 600 * 1 + 300 * 12.5 + 10 * 100) / 1e6) < 1e-12)
        // More cached than there is input: a vendor's slip must not make the cost negative.
        #expect(
            try #require(table.cost(provider: "p", model: "m", usage: TokenUsage(input: 10, output: 0, cachedInput: 99, cacheWrite: 99))) == 10 / 1e6)
    }

    @Test func withoutADiscountCachedTokensCostLikeOthers() {
        let table = PriceTable([Price(provider: "p", model: "m", input: 2, output: 0, asOf: "2026-01-01", source: "test")], version: "1")
        #expect(table.cost(provider: "p", model: "m", usage: TokenUsage(input: 1_000_000, output: 0, cachedInput: 400_000, cacheWrite: 100_000)) == 2)
    }

    @Test func operatorsPricesGoOverOurs() {
        let own = prices.adding([Price(provider: "openai", model: "gpt-4.1", input: 1, output: 1, asOf: "2026-01-01", source: "contract")])
        #expect(own.cost(provider: "openai", model: "gpt-4.1", usage: million) == 2)
        #expect(own.cost(provider: "openai", model: "gpt-4.1-mini", usage: million) == 2)
        #expect(own.version != prices.version)
    }

    @Test func embeddingsHaveTheirPrices() {
        #expect(prices.cost(provider: "openai", model: "text-embedding-3-small", usage: TokenUsage(input: 1_000_000, output: 0)) == 0.02)
    }

    @Test func everyEntryOfTheFileIsDatedAndSourced() {
        #expect(prices.all.count >= 20 && prices.version.hasPrefix("20"))
        for price in prices.all {
            #expect(VendorCatalog.ids.contains(price.provider), "\(price.provider) is a vendor of this server")
            #expect(price.asOf.count == 10 && !price.source.isEmpty)
            #expect((price.cachedInput ?? 0) <= price.input && (price.cacheWrite ?? price.input) >= price.input)
            // A new price that forgets what it was per: nobody asks a thousand dollars for a million tokens.
            #expect(price.input < 1000 && price.output < 1000)
        }
    }

    @Test func aPriceListWithMistakesIsRefusedWhole() {
        let list = """
            {"prices": [{"provider": "a", "model": "m", "input": -1, "output": 1, "as_of": "2026-01-01", "source": "s"},
             {"provider": "a", "model": "m", "input": 1, "as_of": "soon", "source": "s", "currency": "EUR"}, {"input": 1}], "x": 1}
            """
        #expect { try PriceTable(parsing: Array(list.utf8)) } throws: { error in
            (error as? DataProblems)?.problems.map(\.field) == [
                "version", "prices[0].input", "prices[1].output", "prices[1].currency", "prices[1].as_of", "prices[1]", "prices[2].provider",
                "prices[2].output",
                "prices[2].as_of", "prices[2].source", "x",
            ]
        }
    }

    @Test func anOperatorsListGoesOverOurs() throws {
        let list =
            #"{"version": "mine", "prices": [{"provider": "openai", "model": "gpt-4.1", "input": 1, "output": 1, "as_of": "2026-01-01", "source": "contract"}]}"#
        let own = try PriceTable(parsing: Array(list.utf8))
        #expect(prices.adding(own.all).cost(provider: "openai", model: "gpt-4.1-2025-04-14", usage: million) == 2)
    }
}
