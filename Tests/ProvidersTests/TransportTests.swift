import Domain
import Foundation
import Providers
import Testing

@Suite struct TransportTests {
    private let registry = ProviderRegistry.standard()
    private let request = ChatRequest(model: "m-1", messages: [ChatMessage(.user, "Hi")])
    private let hello = #"data: {"model":"m-1","choices":[{"index":0,"delta":{"content":"Hello"}}]}"# + "\n\n"

    private func failure(_ stream: AsyncThrowingStream<ChatEvent, any Error>) async -> ProviderError? {
        do {
            for try await _ in stream {}
            return nil
        } catch {
            return error as? ProviderError
        }
    }

    @Test func aRefusedConnectionFailsAtOnce() async {
        let upstream = FakeUpstream([.stall])
        let url = upstream.url
        upstream.stop()
        try? await Task.sleep(for: .milliseconds(100))
        // The best of three, since other tests run beside this one; reconnecting would take 10 s each time.
        var quickest = Duration.seconds(60)
        for _ in 0..<3 where quickest >= .seconds(9) {
            let start = ContinuousClock.now
            let error = await failure(registry["custom"]!.chat(request, at: Endpoint(baseURL: url)))
            #expect(error?.kind == .connection)
            quickest = min(quickest, start.duration(to: .now))
        }
        #expect(quickest < .seconds(9))
    }

    @Test func aResetBeforeTheHeadIsAConnectionError() async {
        let upstream = FakeUpstream([.reset])
        defer { upstream.stop() }
        let error = await failure(registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url)))
        #expect(error?.kind == .connection)
    }

    @Test func theFirstTokenHasItsOwnClock() async throws {
        let silent = FakeUpstream([.chunkedHead("text/event-stream"), .chunk(": keep-alive\n\n"), .stall])
        defer { silent.stop() }
        let endpoint = Endpoint(baseURL: silent.url, firstTokenTimeout: .seconds(3), totalTimeout: .seconds(300))
        let error = await failure(registry["custom"]!.chat(request, at: endpoint))
        #expect(error?.kind == .timeout && error?.message.contains("no token") == true)
        #expect(try await silent.wait { $0.clientsGone == 1 }, "the upstream connection is closed")
    }

    @Test func theWholeCallHasAnother() async throws {
        let stalled = FakeUpstream([.chunkedHead("text/event-stream"), .chunk(hello), .stall])
        defer { stalled.stop() }
        let endpoint = Endpoint(baseURL: stalled.url, firstTokenTimeout: .seconds(5), totalTimeout: .seconds(6))
        let start = ContinuousClock.now
        let error = await failure(registry["custom"]!.chat(request, at: endpoint))
        #expect(error?.kind == .timeout && error?.message.contains("not finished") == true)
        #expect(start.duration(to: .now) >= .seconds(6))
        #expect(try await stalled.wait { $0.clientsGone == 1 })
    }

    @Test func aWholeReplyIsNotHeldToTheFirstTokenClock() async {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.whole)])
        defer { upstream.stop() }
        var whole = request
        whole.stream = false
        let endpoint = Endpoint(baseURL: upstream.url, firstTokenTimeout: .zero, totalTimeout: .seconds(10))
        #expect(await failure(registry["custom"]!.chat(whole, at: endpoint)) == nil)
    }

    @Test func cancellingTheConsumerClosesTheUpstream() async throws {
        let upstream = FakeUpstream([.chunkedHead("text/event-stream"), .chunk(hello), .stall])
        defer { upstream.stop() }
        let seen = Box<ChatEvent>()
        let task = Task { [registry, request] in
            for try await event in registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url)) { seen.add(event) }
        }
        #expect(try await upstream.wait { _ in seen.values.contains(.text("Hello")) })
        task.cancel()
        #expect(try await upstream.wait { $0.clientsGone == 1 })
    }

    @Test func droppingTheStreamClosesTheUpstream() async throws {
        let upstream = FakeUpstream([.chunkedHead("text/event-stream"), .chunk(hello), .stall])
        defer { upstream.stop() }
        for try await event in registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url)) where event == .text("Hello") { break }
        #expect(try await upstream.wait { $0.clientsGone == 1 })
    }

    @Test func theConnectionServesTheNextCall() async throws {
        let reply = DialectFixture.openAI.stream
        let upstream = FakeUpstream([
            .chunkedHead("text/event-stream"), .chunk(reply), .send("0\r\n\r\n"), .nextRequest,
            .chunkedHead("text/event-stream"), .chunk(reply), .send("0\r\n\r\n"),
        ])
        defer { upstream.stop() }
        // The end of a reply is read beside us, so a call may come too early for its connection and open
        // another; one of many finds it free.
        for _ in 0..<50 where upstream.requests.count <= upstream.connections {
            #expect(await failure(registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url))) == nil)
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(upstream.requests.count > upstream.connections)
    }

    @Test func aServerThatLingersAfterItsEndMarkDoesNotHoldTheReply() async throws {
        let upstream = FakeUpstream([.chunkedHead("text/event-stream"), .chunk(DialectFixture.openAI.stream), .stall])
        defer { upstream.stop() }
        let start = ContinuousClock.now
        #expect(await failure(registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url))) == nil)
        // Below the ten minutes that the call may take.
        #expect(start.duration(to: .now) < .seconds(590))
        #expect(try await upstream.wait { $0.clientsGone == 1 })
    }

    @Test func onlyTheStartOfAnErrorBodyIsRead() async {
        let upstream = FakeUpstream([.head(500, "text/plain"), .send(String(repeating: "x", count: 1 << 20)), .stall])
        defer { upstream.stop() }
        let error = await failure(registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url)))
        #expect(error?.kind == .serverError)
        #expect((error?.message.count ?? .max) <= Redaction.maximumLength + 1)
    }

    @Test func redirectsDoNotCarryTheKeyAway() async throws {
        let elsewhere = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        let upstream = FakeUpstream([.head(302, "text/plain", ["location": elsewhere.url])])
        defer {
            elsewhere.stop()
            upstream.stop()
        }
        await #expect(throws: ProviderError.self) {
            try await registry["custom"]!.models(at: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789")))
        }
        #expect(elsewhere.connections == 0)
    }

    @Test func vendorsThatQuoteTheKeyDoNotLeakIt() async {
        let upstream = FakeUpstream([.head(401), .send(#"{"error":{"message":"Invalid key very-secret-value for org"}}"#)])
        defer { upstream.stop() }
        let error = await failure(registry["openai"]!.chat(request, at: Endpoint(baseURL: upstream.url, key: Secret("very-secret-value"))))
        #expect(error?.kind == .authentication)
        #expect(error?.description.contains("very-secret-value") == false)
    }

    @Test func aReplyCutAfterItsFinishReasonIsWhole() async {
        let end = #"data: {"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"
        let upstream = FakeUpstream([.chunkedHead("text/event-stream"), .chunk(hello + end), .reset])
        defer { upstream.stop() }
        #expect(await failure(registry["custom"]!.chat(request, at: Endpoint(baseURL: upstream.url))) == nil)
    }
}
