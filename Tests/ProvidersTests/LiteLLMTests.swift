import Domain
import Foundation
import Providers
import Testing

private let peer = ProcessInfo.processInfo.environment["ATELIER_TEST_LITELLM_URL"]

/// The same two dialects against LiteLLM's proxy, which translates both for the same llama.cpp: another
/// maker's reading of the vendors' formats.
@Suite(.enabled(if: peer != nil, "set ATELIER_TEST_LITELLM_URL to a LiteLLM proxy's address to run these"), .serialized)
struct LiteLLMTests {
    private let registry = ProviderRegistry.standard(transport: HTTPTransport())

    private func route(_ provider: String, key: String = "sk-peer-key", model: String = "peer") -> Route {
        let base = (peer ?? "") + (provider == "anthropic" ? "" : "/v1")
        return Route(provider: provider, model: model, endpoint: Endpoint(baseURL: base, key: Secret(key)))
    }

    private func question(stream: Bool) -> ChatRequest {
        ChatRequest(
            model: "any", messages: [ChatMessage(.system, "Answer in one word."), ChatMessage(.user, "What is the capital of France?")],
            sampling: Sampling(temperature: 0, maxTokens: 16), stream: stream)
    }

    @Test(arguments: ["openai", "custom", "anthropic"], [true, false])
    func answers(provider: String, streamed: Bool) async throws {
        let reply = try await Router(registry: registry).complete(question(stream: streamed), routes: [route(provider)])
        #expect(!reply.text.isEmpty && !reply.model.isEmpty)
        #expect(reply.usage.output > 0 && reply.usage.output <= 16 && !reply.usage.isEstimate)
        #expect(reply.attempts.map(\.outcome) == ["ok"], "\(reply.attempts)")
    }

    @Test func bothDialectsGiveTheSameAnswer() async throws {
        let router = Router(registry: registry)
        let one = try await stream(router, "custom")
        let other = try await stream(router, "anthropic")
        #expect(one.text == other.text && !one.text.isEmpty)
        #expect(one.usage?.output == other.usage?.output)
    }

    @Test func listsModels() async throws {
        #expect(try await registry["custom"]!.models(at: route("custom").endpoint).map(\.id) == ["peer"])
    }

    @Test(arguments: ["custom", "anthropic"])
    func saysThatThereIsNoSuchModel(provider: String) async throws {
        do {
            _ = try await Router(registry: registry).complete(question(stream: false), routes: [route(provider, model: "nobody")])
            Issue.record("a model that does not exist has answered")
        } catch let error as RouterError {
            #expect([.invalidRequest, .notFound].contains(error.last.kind) && error.last.message.contains("nobody"), "\(error)")
        }
    }

    private func stream(_ router: Router, _ provider: String) async throws -> ReplyCollector {
        var reply = ReplyCollector()
        for try await event in router.chat(question(stream: true), routes: [route(provider)]).events { reply.add(event) }
        return reply
    }
}
