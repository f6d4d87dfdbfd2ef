import Domain
import Providers
import Testing

@Suite struct EmbeddingTests {
    private let registry = ProviderRegistry.standard()
    private let request = EmbedRequest(model: "org/e-1", texts: ["a", "b"], kind: .query)

    private func embed(_ id: String, base: String = "", reply: String) async throws -> (EmbedReply, FakeUpstream.Recorded) {
        let upstream = FakeUpstream([.head(), .send(reply)])
        defer { upstream.stop() }
        let result = try await registry[id]!.embed(request, at: Endpoint(baseURL: upstream.url + base, key: Secret("key-0123456789")))
        return (result, try #require(upstream.requests.first))
    }

    @Test func openAIPutsVectorsInOrder() async throws {
        let (reply, sent) = try await embed(
            "openai", base: "/v1/",
            reply: #"{"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0.5]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#)
        #expect(reply == EmbedReply(vectors: [[1, 0.5], [0, 1]], usage: TokenUsage(input: 2, output: 0)))
        #expect(sent.path == "/v1/embeddings")
        #expect(try JSONValue(parsing: sent.body) == ["model": "org/e-1", "input": ["a", "b"]])
    }

    @Test func nvidiaIsToldWhatTheTextsAre() async throws {
        let (_, sent) = try await embed("nvidia", reply: #"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[2]}]}"#)
        #expect(try JSONValue(parsing: sent.body) == ["model": "org/e-1", "input": ["a", "b"], "input_type": "query", "truncate": "END"])
    }

    @Test func huggingFaceExtractsFeatures() async throws {
        let (reply, sent) = try await embed("huggingface", base: "/v1", reply: "[[1,0],[0,1]]")
        #expect(reply.vectors == [[1, 0], [0, 1]])
        #expect(sent.path == "/hf-inference/models/org/e-1/pipeline/feature-extraction")
        #expect(try JSONValue(parsing: sent.body) == ["inputs": ["a", "b"], "normalize": true])
    }

    @Test func ollamaEmbeds() async throws {
        let (reply, sent) = try await embed("ollama", reply: #"{"model":"e","embeddings":[[1,0],[0,1]],"prompt_eval_count":4}"#)
        #expect(reply == EmbedReply(vectors: [[1, 0], [0, 1]], usage: TokenUsage(input: 4, output: 0)))
        #expect(sent.path == "/api/embed")
    }

    @Test(arguments: ["[[1,0]]", "[[1,0],[1]]", "[[1,0],[null,1]]", "[[],[]]", "{}", "[1,2]"])
    func wrongShapesAreRefused(reply: String) async {
        await #expect { try await embed("huggingface", reply: reply) } throws: { ($0 as? ProviderError)?.kind == .malformedReply }
    }

    @Test func vendorsWithoutEmbeddingsSaySo() async {
        for id in ["anthropic", "groq"] {
            await #expect { try await embed(id, reply: "") } throws: { ($0 as? ProviderError)?.kind == .unsupported }
        }
    }
}

/// Vectors along the router, with what a chat has: keys in turn, retries, one record per call.
@Suite struct RoutedEmbeddingTests {
    /// Fails as often as it is told to, then gives each text a vector.
    private final class Embedding: Provider {
        let info: ProviderInfo
        let failures: Box<ProviderError>
        let asked = Box<EmbedRequest>()
        let usage: TokenUsage?

        init(_ id: String, failing kinds: [ProviderError.Kind] = [], usage: TokenUsage? = nil) {
            info = ProviderInfo(id: id, name: id, defaultBaseURL: nil, needsKey: false)
            failures = Box()
            for kind in kinds { failures.add(ProviderError(kind, provider: id, status: 503, message: "no")) }
            self.usage = usage
        }

        func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
            AsyncThrowingStream { $0.finish() }
        }

        func embed(_ request: EmbedRequest, at endpoint: Endpoint) async throws -> EmbedReply {
            asked.add(request)
            if asked.values.count <= failures.values.count { throw failures.values[asked.values.count - 1] }
            return EmbedReply(vectors: request.texts.map { [Float($0.utf8.count), 1] }, usage: usage)
        }
    }

    private func router(_ providers: Embedding...) -> Router {
        Router(
            registry: ProviderRegistry(providers),
            prices: PriceTable([Price(provider: "a", model: "m", input: 1_000_000, output: 0, asOf: "2026-01-01", source: "test")], version: "test"),
            retry: RetryPolicy(sleep: { _ in }, random: { 0.5 }))
    }

    private func route(_ provider: String, group: Int = 0) -> Route {
        Route(provider: provider, model: "m", endpoint: Endpoint(baseURL: "http://x"), keyID: "key-\(provider)", group: group)
    }

    private let request = EmbedRequest(model: "asked", texts: ["12345678", "1234"], kind: .query)

    @Test func retriesAndRecordsEachCall() async throws {
        let a = Embedding("a", failing: [.serverError, .overloaded], usage: TokenUsage(input: 7, output: 0))
        let attempts = Box<Attempt>()
        let reply = try await router(a).embed(request, routes: [route("a")], gate: nil) { attempts.add($0) }
        #expect(reply.vectors == [[8, 1], [4, 1]])
        #expect(a.asked.values.allSatisfy { $0 == EmbedRequest(model: "m", texts: request.texts, kind: .query) } && a.asked.values.count == 3)
        #expect(attempts.values.map(\.outcome) == ["server_error", "overloaded", "ok"])
        #expect(attempts.values[2].usage == TokenUsage(input: 7, output: 0) && attempts.values[2].cost == 7)
        #expect(attempts.values[0].usage == nil && attempts.values[2].keyID == "key-a")
    }

    @Test func fallsBackAndEstimatesWhatIsNotCounted() async throws {
        let attempts = Box<Attempt>()
        let reply = try await router(Embedding("a", failing: [.authentication]), Embedding("b")).embed(
            request, routes: [route("a"), route("b", group: 1)], gate: nil
        ) {
            attempts.add($0)
        }
        #expect(reply.vectors.count == 2 && attempts.values.map(\.outcome) == ["authentication", "ok"])
        let usage = try #require(attempts.values[1].usage)
        #expect(usage.isEstimate && usage.input > 0 && usage.output == 0)
        // No price is not a price of nothing.
        #expect(attempts.values[1].cost == nil)
    }

    @Test func aGateRefusesBeforeAnythingIsSent() async {
        let a = Embedding("a")
        await #expect {
            try await router(a).embed(
                request, routes: [route("a")], gate: { _ throws(ProviderError) in throw ProviderError(.budget, provider: "a", message: "spent") })
        } throws: { ($0 as? RouterError)?.last.kind == .budget }
        #expect(a.asked.values.isEmpty)
    }

    @Test func aVendorWithoutEmbeddingsSaysSo() async {
        let router = Router(registry: ProviderRegistry([ScriptedProvider("s", .answers("x"))]))
        await #expect { try await router.embed(request, routes: [route("s")], gate: nil) } throws: { ($0 as? RouterError)?.last.kind == .unsupported }
    }
}
