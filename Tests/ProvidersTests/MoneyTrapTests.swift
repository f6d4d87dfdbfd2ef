import Domain
import Foundation
import NIOCore
import Providers
import Testing

/// Traps 1 and 3: what a decoder makes of a vendor's counts decides what is billed.
@Suite struct MoneyTrapTests {
    private static let vendors = VendorCatalog.all.filter { $0.dialect == "openai" }.map(\.id)

    private func usage(_ stream: String, _ provider: String = "openai") throws -> TokenUsage? {
        var decoder = OpenAIStreamDecoder(provider: provider)
        var events: [ChatEvent] = []
        try decoder.push(ByteBuffer(string: stream), into: &events)
        if !decoder.isComplete { try decoder.finish(into: &events) }
        var collector = ReplyCollector()
        for event in events { collector.add(event) }
        #expect(collector.text == "Hello" && collector.finish == .stop)
        return collector.usage
    }

    private func chunk(_ delta: String, finish: String = "null", usage: String? = nil) -> String {
        let usage = usage.map { #","usage":\#($0)"# } ?? ""
        return #"data: {"id":"c","model":"m","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]\#(usage)}"# + "\n\n"
    }

    @Test("Trap 1: usage counts on whatever chunk it comes", arguments: vendors)
    func usageOnAnyChunk(id: String) throws {
        let counts = #"{"prompt_tokens":1000,"completion_tokens":50}"#
        let (text, end, done) = (chunk(#"{"content":"Hello"}"#), chunk("{}", finish: #""stop""#), "data: [DONE]\n\n")
        let alone = #"data: {"choices":[],"usage":\#(counts)}"# + "\n\n"
        let streams = [
            text + end + alone + done,
            text + chunk("{}", finish: #""stop""#, usage: counts) + done,
            chunk(#"{"content":"Hello"}"#, finish: #""stop""#, usage: counts) + done,
            // On every chunk, growing (xAI, Perplexity): the last holds.
            chunk(#"{"content":"Hello"}"#, usage: #"{"prompt_tokens":1000,"completion_tokens":1}"#) + chunk("{}", finish: #""stop""#, usage: counts)
                + done,
            chunk(#"{"role":"assistant","content":""}"#, usage: counts) + text + end + done,
            // A null after it takes nothing back; without [DONE].
            text + chunk("{}", finish: #""stop""#, usage: counts) + chunk("{}", usage: "null"),
            text + end + #"data: {"usage":\#(counts)}"# + "\n\n" + done,
        ]
        let prices = PriceTable([Price(provider: id, model: "m", input: 10, output: 100, asOf: "2026-01-01", source: "test")], version: "1")
        for stream in streams {
            let usage = try #require(try usage(stream, id), "\(stream)")
            #expect(usage == TokenUsage(input: 1000, output: 50))
            #expect(prices.cost(provider: id, model: "m", usage: usage) == 0.015)
        }
    }

    @Test("Trap 1: usage is asked for where the vendor lets it be")
    func usageIsAskedFor() throws {
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "x")])
        for vendor in VendorCatalog.all where vendor.dialect == "openai" {
            let options = try OpenAIRequestBuilder.body(request, vendor: vendor)["stream_options"]
            #expect(options == (vendor.supportsStreamOptions ? ["include_usage": true] : nil))
        }
    }

    @Test("Trap 3: cached tokens are paid once", arguments: ["openai", "anthropic", "ollama"], [true, false])
    func cachedTokensAreCountedOnce(dialect: String, streamed: Bool) async throws {
        let fixture = DialectFixture.of(dialect)
        let upstream = FakeUpstream([
            .head(200, streamed ? fixture.streamType : "application/json"), .send(streamed ? fixture.stream : fixture.whole),
        ])
        defer { upstream.stop() }
        let provider = ProviderRegistry.standard()[dialect]!
        var collector = ReplyCollector()
        let request = ChatRequest(model: "m-1", messages: [ChatMessage(.user, "Hi")], stream: streamed)
        for try await event in provider.chat(request, at: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789"))) { collector.add(event) }
        let usage = try #require(collector.usage)
        // In every dialect the same: `input` is all of it, and the cached part is inside.
        #expect(usage.input == 12 && usage.cachedInput + usage.cacheWrite <= usage.input)
        let price = Price(
            provider: dialect, model: "m-1", input: 1e6, cachedInput: 1e5, cacheWrite: 2e6, output: 1e7, asOf: "2026-01-01", source: "test")
        // 12 tokens in: OpenAI 8 fresh + 4 cached; Anthropic 6 fresh + 4 read + 2 written; Ollama has no cache to pay for. 5 out.
        let expected = ["openai": 8 + 0.4, "anthropic": 6 + 0.4 + 4, "ollama": 12][dialect]! + 50
        #expect(abs(price.cost(usage) - expected) < 1e-9)
    }

    @Test("Trap 3: every vendor's name for cached tokens")
    func namesOfCachedTokens() throws {
        for (counts, expected) in [
            (
                #"{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":60}}"#,
                TokenUsage(input: 100, output: 5, cachedInput: 60)
            ),
            (
                #"{"prompt_tokens":100,"completion_tokens":5,"prompt_cache_hit_tokens":60,"prompt_cache_miss_tokens":40}"#,
                TokenUsage(input: 100, output: 5, cachedInput: 60)
            ),
            (
                #"{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":60},"prompt_cache_hit_tokens":60}"#,
                TokenUsage(input: 100, output: 5, cachedInput: 60)
            ),
            (#"{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":null}"#, TokenUsage(input: 100, output: 5)),
            (
                #"{"prompt_tokens":100,"completion_tokens":50,"completion_tokens_details":{"reasoning_tokens":40}}"#,
                TokenUsage(input: 100, output: 50, reasoning: 40)
            ),
        ] {
            let read = try usage(chunk(#"{"content":"Hello"}"#, finish: #""stop""#, usage: counts) + "data: [DONE]\n\n")
            #expect(read == expected, "\(counts)")
        }
    }

    @Test("Trap 3: Anthropic's cumulative counts replace one another")
    func anthropicsCountsReplace() throws {
        var decoder = AnthropicStreamDecoder(provider: "anthropic")
        var events: [ChatEvent] = []
        let stream = """
            data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":1}}}

            data: {"type":"message_delta","delta":{},"usage":{"output_tokens":7}}

            data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":15,"output_tokens_details":{"thinking_tokens":9}}}

            data: {"type":"message_stop"}


            """
        try decoder.push(ByteBuffer(string: stream), into: &events)
        let last = events.compactMap { if case .usage(let usage) = $0 { usage } else { nil } }.last
        #expect(last == TokenUsage(input: 60, output: 15, cachedInput: 30, cacheWrite: 20, reasoning: 9))
    }
}
