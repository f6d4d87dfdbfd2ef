import Domain
import Foundation
import NIOCore
import Providers
import TestSupport
import Testing

/// A vendor may say any number. None ends the process, none is billed that no call can have used.
@Suite struct ExtremeNumberTests {
    private static let extremes = [
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e300", "-1e300",
        "1e19", "1e400", "-1", "-0", "0.5", "1000000001", "4611686018427387904", "5000000000000000000", "\"NaN\"", "\"12\"", "null", "true", "[]",
        "[[[9223372036854775807]]]", "{}", "NaN", "Infinity",
    ]

    private func decoders(_ dialect: String) -> [any ReplyDecoder] {
        switch dialect {
        case "anthropic": [AnthropicStreamDecoder(provider: "p")]
        case "ollama": [OllamaStreamDecoder(provider: "p")]
        default: [OpenAIStreamDecoder(provider: "p")]
        }
    }

    /// `text` with some of its numbers replaced, and with counts that its vendor did not send.
    private func mutated(_ text: String, _ random: inout SeededGenerator) -> String {
        var result = ""
        var rest = text[...]
        while let found = rest.firstMatch(of: /(:|\[|,)\s*-?\d+(?:\.\d+)?/) {
            result += rest[..<found.range.lowerBound] + found.1
            result +=
                Int.random(in: 0..<3, using: &random) == 0 ? Self.extremes.randomElement(using: &random)! : String(found.0.dropFirst(found.1.count))
            rest = rest[found.range.upperBound...]
        }
        result += rest
        for name in ["index", "cache_read_input_tokens", "cache_creation_input_tokens", "reasoning_tokens", "thinking_tokens"]
        where Int.random(in: 0..<4, using: &random) == 0 {
            let value = Self.extremes.randomElement(using: &random)!
            result = result.replacingOccurrences(of: "\"usage\":{", with: "\"usage\":{\"\(name)\":\(value),")
            result = result.replacingOccurrences(of: "\"type\":\"function\"", with: "\"index\":\(value),\"type\":\"function\"")
        }
        return result
    }

    private func check(_ events: [ChatEvent], _ text: String) {
        var collector = ReplyCollector()
        for event in events {
            collector.add(event)
            switch event {
            case .usage(let usage):
                for count in [usage.input, usage.output, usage.cachedInput, usage.cacheWrite, usage.reasoning] {
                    #expect((0...TokenUsage.limit).contains(count), "\(text)")
                }
                #expect((0...2 * TokenUsage.limit).contains((usage + usage).input))
            case .toolCall(let index, _, _, _): #expect((0..<10_000).contains(index), "\(text)")
            default: break
            }
        }
        _ = collector.reply(attempts: [])
    }

    @Test(arguments: ["openai", "anthropic", "ollama"])
    func noReplyOfAnyNumbersTrapsOrIsBelieved(dialect: String) {
        let fixture = DialectFixture.of(dialect)
        var random = SeededGenerator(seed: 7)
        for round in 0..<1200 {
            let texts = [fixture.stream, fixture.strangeStream, fixture.toolStream, fixture.reasoningStream]
            let text = mutated(texts[round % texts.count], &random)
            for var decoder in decoders(dialect) {
                var events: [ChatEvent] = []
                do {
                    try decoder.push(ByteBuffer(string: text), into: &events)
                    try decoder.finish(into: &events)
                } catch { #expect(error is ProviderError) }
                check(events, text)
            }
            let whole = mutated(round % 2 == 0 ? fixture.whole : fixture.toolWhole, &random)
            guard let json = try? JSONValue(parsing: whole) else { continue }
            do {
                switch dialect {
                case "openai": check(try OpenAIReply.events(json, provider: "p"), whole)
                case "anthropic": check(try AnthropicReply.events(json, provider: "p"), whole)
                default: break
                }
            } catch { #expect(error is ProviderError) }
        }
    }

    @Test(arguments: [
        #"{"prompt_tokens":9223372036854775807,"completion_tokens":1}"#, #"{"prompt_tokens":1,"completion_tokens":5000000000000000000}"#,
        #"{"prompt_tokens":-1000000,"completion_tokens":1}"#, #"{"prompt_tokens":1,"completion_tokens":-1}"#,
        #"{"prompt_tokens":1,"completion_tokens":1e18}"#, #"{"prompt_tokens":1.5,"completion_tokens":1}"#,
        #"{"prompt_tokens":1,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":-5}}"#,
        #"{"prompt_tokens":1,"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":9223372036854775807}}"#,
        #"{"prompt_tokens":1000000001,"completion_tokens":1}"#,
    ])
    func anImpossibleCountIsNotSaid(usage: String) throws {
        let whole = try JSONValue(parsing: #"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":\#(usage)}"#)
        let told = try OpenAIReply.events(whole, provider: "p").compactMap { if case .usage(let usage) = $0 { usage } else { nil } }
        #expect(told == [TokenUsage(input: 0, output: 0, isEstimate: true)])
    }

    @Test(arguments: [
        (#"{"input_tokens":9223372036854775807,"cache_read_input_tokens":1}"#, #"{"output_tokens":1}"#),
        (#"{"input_tokens":10}"#, #"{"output_tokens":-7}"#),
        (#"{"input_tokens":900000000,"cache_read_input_tokens":900000000}"#, #"{"output_tokens":1}"#),
        // What comes after an impossible count is not believed either.
        (#"{"input_tokens":-1}"#, #"{"input_tokens":5,"output_tokens":1}"#),
    ])
    func anthropicsCountsTogether(start: String, end: String) throws {
        var decoder = AnthropicStreamDecoder(provider: "p")
        var events: [ChatEvent] = []
        let stream = """
            data: {"type":"message_start","message":{"model":"m","usage":\(start)}}

            data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":\(end)}

            data: {"type":"message_stop"}


            """
        try decoder.push(ByteBuffer(string: stream), into: &events)
        var collector = ReplyCollector()
        for event in events { collector.add(event) }
        #expect(collector.usage == TokenUsage(input: 0, output: 0, isEstimate: true) && collector.finish == .stop)
    }

    /// The bill is then our own count, marked as one, also where an earlier count of the same reply was possible.
    @Test func whatIsNotBelievedIsEstimated() async throws {
        let unbelievable = TokenUsage(input: 0, output: 0, isEstimate: true)
        let request = ChatRequest(model: "asked", messages: [ChatMessage(.user, "1234567")])
        for events in [[ChatEvent.usage(unbelievable)], [.usage(TokenUsage(input: 900, output: 1)), .usage(unbelievable)]] {
            let provider = ScriptedProvider("a", .init(events: [.text("12345678")] + events + [.finish(.stop)]))
            let registry = ProviderRegistry([provider])
            let router = Router(registry: registry, prices: PriceTable([], version: "1"), retry: .never)
            let reply = try await router.complete(
                request, routes: [Route(provider: "a", model: "m", endpoint: Endpoint(baseURL: "http://a.invalid"))])
            #expect(reply.usage == TokenUsage(input: 2, output: 2, isEstimate: true))
        }
    }

    @Test func sumsStayNumbers() throws {
        let most = TokenUsage(input: .max, output: .max, cachedInput: .max, cacheWrite: .max, reasoning: .max)
        #expect((most + most).input == .max && (most + most).total == .max)
        // Kept answers of a time when any count was believed.
        let kept = #"{"input":9223372036854775807,"output":-3,"cachedInput":1,"cacheWrite":0,"reasoning":0,"isEstimate":false}"#
        let read = try JSONDecoder().decode(TokenUsage.self, from: Data(kept.utf8))
        #expect(read == TokenUsage(input: 0, output: 0, cachedInput: 1, isEstimate: true))
        let true1 = TokenUsage(input: 3, output: 4, cachedInput: 1)
        #expect(try JSONDecoder().decode(TokenUsage.self, from: JSONEncoder().encode(true1)) == true1)
    }

    @Test func vectorsHaveDimensionsThatModelsHave() throws {
        let vendor = try #require(VendorCatalog.all.first { $0.id == "openai" })
        func reply(_ row: String, _ usage: String = "1", index: String = "0") throws -> EmbedReply {
            let json = #"{"data":[{"index":\#(index),"embedding":\#(row)}],"usage":{"prompt_tokens":\#(usage)}}"#
            return try OpenAIEmbeddings.reply(try JSONValue(parsing: ByteBuffer(string: json), limits: .vectors), count: 1, vendor: vendor)
        }
        #expect(try reply("[0.5,1]") == EmbedReply(vectors: [[0.5, 1]], usage: TokenUsage(input: 1, output: 0)))
        #expect(try reply("[1]", index: "9223372036854775807").vectors == [[1]])
        for usage in ["-5", "9223372036854775807", "1e300"] { #expect(try reply("[1]", usage).usage == nil) }
        for row in ["[1e300]", "[1e39]", "[]", "[\"NaN\"]", "[[1]]", "[" + Array(repeating: "1", count: 65_537).joined(separator: ",") + "]"] {
            #expect(throws: ProviderError.self) { try reply(row) }
        }
        #expect(try reply("[" + Array(repeating: "1", count: 65_536).joined(separator: ",") + "]").vectors[0].count == 65_536)
    }

    @Test func aWaitIsADayAtMost() {
        func wait(_ fields: [(String, String)]) -> Double? { RetryAfter.seconds(HTTPFields(fields), now: Date(timeIntervalSince1970: 0)) }
        for text in ["1e300", "99999999999", String(repeating: "9", count: 400), "Fri, 31 Dec 9999 23:59:59 GMT"] {
            #expect(wait([("retry-after", text)]) == 86_400)
        }
        #expect(wait([("retry-after-ms", "1e300")]) == 86_400)
        for text in ["nan", "inf", "-inf", "-5", "0"] { #expect(wait([("retry-after", text)]) == nil) }
        #expect(wait([("retry-after", "30")]) == 30)
    }
}
