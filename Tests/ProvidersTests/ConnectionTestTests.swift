import Providers
import Testing

@Suite struct ConnectionTestTests {
    private let connection = ConnectionTest(registry: .standard())
    private let key = Secret("key-0123456789")

    @Test func aListProvesTheKeyWhereTheVendorAsksForIt() async {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        let result = await connection.test(provider: "openai", endpoint: Endpoint(baseURL: upstream.url, key: key))
        #expect(result.ok && result.keyChecked && result.models.count == 2)
        #expect(result.message == "OpenAI answers and lists 2 models.")
    }

    @Test func aPublicListDoesNot() async {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        let result = await connection.test(provider: "nvidia", endpoint: Endpoint(baseURL: upstream.url, key: key))
        #expect(result.ok && !result.keyChecked)
    }

    @Test func aChatDoes() async {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)], [.head(), .send(DialectFixture.openAI.whole)])
        defer { upstream.stop() }
        let result = await connection.test(provider: "nvidia", endpoint: Endpoint(baseURL: upstream.url, key: key), model: "m-1")
        #expect(result.ok && result.keyChecked)
        #expect(upstream.requests.last?.body.contains(#""max_tokens":1"#) == true)
    }

    @Test func aWrongKeyIsNamedAndNotShown() async {
        let upstream = FakeUpstream([.head(401), .send(#"{"error":{"message":"Bad key key-0123456789"}}"#)])
        defer { upstream.stop() }
        let result = await connection.test(provider: "openai", endpoint: Endpoint(baseURL: upstream.url, key: key))
        #expect(!result.ok && result.kind == .authentication)
        #expect(result.message.contains("key is not accepted") && !result.message.contains("key-0123456789"))
    }

    @Test func nothingThereIsSaid() async {
        let result = await connection.test(provider: "custom", endpoint: Endpoint(baseURL: "http://127.0.0.1:1"))
        #expect(!result.ok && result.kind == .connection)
        let unknown = await connection.test(provider: "nobody", endpoint: Endpoint(baseURL: "http://127.0.0.1:1"))
        #expect(!unknown.ok && unknown.kind == .unsupported)
        let wrong = FakeUpstream([.head(404), .send("not found")])
        defer { wrong.stop() }
        let noList = await connection.test(provider: "custom", endpoint: Endpoint(baseURL: wrong.url))
        #expect(!noList.ok && noList.kind == .notFound)
    }
}
