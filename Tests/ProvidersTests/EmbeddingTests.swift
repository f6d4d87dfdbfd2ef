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
