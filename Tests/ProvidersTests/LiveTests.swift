import Domain
import Foundation
import Providers
import Testing

private let llama = ProcessInfo.processInfo.environment["ATELIER_TEST_LLAMA_URL"]

/// Two dialects against a real llama.cpp server, which speaks both.
@Suite(.enabled(if: llama != nil, "set ATELIER_TEST_LLAMA_URL to a llama.cpp server's address to run these"), .serialized)
struct LiveTests {
    /// llama.cpp hangs up after a streamed reply although it announces keep-alive: no connection is used twice.
    private let registry = ProviderRegistry(
        VendorCatalog.all.map { vendor in
            var vendor = vendor
            vendor.headers["connection"] = "close"
            return ProviderRegistry.provider(for: vendor, transport: HTTPTransport())
        })

    private func route(_ provider: String, model: String = "any") -> Route {
        let base = (llama ?? "") + (provider == "anthropic" ? "" : "/v1")
        return Route(provider: provider, model: model, endpoint: Endpoint(baseURL: base, key: Secret("not-a-real-key")))
    }

    private func question(stream: Bool) -> ChatRequest {
        ChatRequest(
            model: "any", messages: [ChatMessage(.system, "Answer in one word."), ChatMessage(.user, "What is the capital of France?")],
            sampling: Sampling(temperature: 0, maxTokens: 16), stream: stream)
    }

    @Test(arguments: ["openai", "custom", "local", "anthropic"], [true, false])
    func answers(provider: String, streamed: Bool) async throws {
        let reply = try await Router(registry: registry).complete(question(stream: streamed), routes: [route(provider)])
        #expect(!reply.text.isEmpty && !reply.model.isEmpty)
        #expect(reply.usage.input > 0 && reply.usage.output > 0 && reply.usage.output <= 16 && !reply.usage.isEstimate)
        #expect(reply.attempts.map(\.outcome) == ["ok"], "\(reply.attempts)")
        #expect(reply.attempts[0].firstTokenMilliseconds != nil)
    }

    @Test(arguments: ["custom", "anthropic"])
    func stopsAtTheTokenLimit(provider: String) async throws {
        var long = question(stream: true)
        long.messages = [ChatMessage(.user, "Count from one to one hundred in words.")]
        long.sampling.maxTokens = 5
        let reply = try await Router(registry: registry).complete(long, routes: [route(provider)])
        #expect(reply.finish == .length && reply.usage.output == 5)
    }

    @Test func bothDialectsGiveTheSameAnswer() async throws {
        let router = Router(registry: registry)
        let one = try await router.complete(question(stream: true), routes: [route("custom")])
        let other = try await router.complete(question(stream: true), routes: [route("anthropic")])
        #expect(one.text == other.text)
    }

    @Test(arguments: ["custom", "anthropic"])
    func theLeanPathSaysTheSame(provider: String) async throws {
        let streamed = try await Router(registry: registry).complete(question(stream: true), routes: [route(provider)])
        var lean = ReplyCollector()
        for event in try await registry[provider]!.reply(question(stream: true), at: route(provider).endpoint) { lean.add(event) }
        #expect(lean.text == streamed.text && lean.finish == streamed.finish)
        #expect(lean.usage?.output == streamed.usage.output)
    }

    @Test func keepsToASchema() async throws {
        let schema: JSONValue = [
            "type": "object", "properties": ["capital": ["type": "string", "maxLength": 12]], "required": ["capital"], "additionalProperties": false,
        ]
        var request = question(stream: false)
        request.responseFormat = ["type": "json_schema", "json_schema": ["name": "answer", "schema": schema]]
        request.sampling.maxTokens = 64
        let reply = try await Router(registry: registry).complete(request, routes: [route("custom")])
        #expect(try JSONValue(parsing: reply.text)["capital"]?.stringValue?.isEmpty == false, "\(reply.text)")
    }

    @Test(arguments: ["custom", "local"])
    func listsModels(provider: String) async throws {
        #expect(try await registry[provider]!.models(at: route(provider).endpoint).isEmpty == false)
        #expect(await ConnectionTest(registry: registry).test(provider: provider, endpoint: route(provider).endpoint).ok)
    }

    @Test(arguments: ["custom", "anthropic"])
    func saysWhatIsWrongWithABadRequest(provider: String) async throws {
        var bad = question(stream: true)
        bad.messages = [ChatMessage(.user, String(repeating: "far too many words ", count: 40_000))]
        do {
            _ = try await Router(registry: registry).complete(bad, routes: [route(provider)])
            Issue.record("a prompt of 160,000 words was accepted")
        } catch let error as RouterError {
            #expect(error.last.kind == .invalidRequest, "\(error)")
            #expect(error.attempts.count == 1)
        }
    }

    @Test(arguments: ["custom", "anthropic"])
    func cancellingStopsTheServer(provider: String) async throws {
        var long = question(stream: true)
        long.messages = [ChatMessage(.user, "Tell a very long story.")]
        long.sampling.maxTokens = 2000
        let stream = Router(registry: registry).chat(long, routes: [route(provider)])
        let seen = Box<ChatEvent>()
        let consumer = Task { for try await event in stream.events where event.isToken { seen.add(event) } }
        while seen.values.count < 5 { try await Task.sleep(for: .milliseconds(10)) }
        consumer.cancel()
        _ = await consumer.result
        #expect(stream.attempts.map(\.outcome) == ["cancelled"])
        #expect((stream.attempts.first?.usage?.output ?? 0) > 0)
    }
}
