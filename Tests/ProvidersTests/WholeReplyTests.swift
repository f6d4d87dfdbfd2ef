import Domain
import Foundation
import Providers
import Testing

/// The lean path's clocks, limits and cancellation.
@Suite struct WholeReplyTests {
    private let registry = ProviderRegistry.standard()
    private let request = ChatRequest(model: "m-1", messages: [ChatMessage(.user, "Hi")])

    private func failure(_ upstream: FakeUpstream, timeout: Duration = .seconds(60), _ id: String = "custom") async -> ProviderError? {
        do {
            _ = try await registry[id]!.reply(request, at: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789"), totalTimeout: timeout))
            return nil
        } catch { return error as? ProviderError }
    }

    /// The deadline covers the connection, the head and the body.
    @Test(
        arguments: [[.stall], [.chunkedHead("application/json"), .stall], [.chunkedHead("application/json"), .chunk("{"), .stall]]
            as [[FakeUpstream.Step]])
    func theWholeCallHasOneClock(script: [FakeUpstream.Step]) async throws {
        let upstream = FakeUpstream(script)
        defer { upstream.stop() }
        let start = ContinuousClock.now
        let error = await failure(upstream, timeout: .seconds(3))
        #expect(error?.kind == .timeout)
        #expect(start.duration(to: .now) >= .seconds(3))
        #expect(try await upstream.wait { $0.clientsGone == 1 }, "the upstream connection is closed")
    }

    @Test func theFirstTokenClockIsNotHeldAgainstIt() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.whole)])
        defer { upstream.stop() }
        let endpoint = Endpoint(baseURL: upstream.url, firstTokenTimeout: .zero, totalTimeout: .seconds(10))
        #expect(try await registry["custom"]!.reply(request, at: endpoint).last == .finish(.stop))
    }

    @Test func cancellingClosesTheUpstream() async throws {
        let upstream = FakeUpstream([.chunkedHead("application/json"), .chunk("{"), .stall])
        defer { upstream.stop() }
        let task = Task { [registry, request] in try await registry["custom"]!.reply(request, at: Endpoint(baseURL: upstream.url)) }
        #expect(try await upstream.wait { $0.requests.count == 1 })
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await upstream.wait { $0.clientsGone == 1 })
    }

    @Test func aCancelledTaskCallsNobody() async throws {
        let upstream = FakeUpstream([.stall])
        defer { upstream.stop() }
        let task = Task { [registry, request] in
            while !Task.isCancelled { await Task.yield() }
            return try await registry["custom"]!.reply(request, at: Endpoint(baseURL: upstream.url))
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(upstream.connections == 0)
    }

    @Test func nothingThereIsAConnectionError() async {
        let upstream = FakeUpstream([.stall])
        upstream.stop()
        #expect(await failure(upstream)?.kind == .connection)
        let reset = FakeUpstream([.reset])
        defer { reset.stop() }
        #expect(await failure(reset)?.kind == .connection)
    }

    @Test func repliesBeyondTheLimitAreRefused() async throws {
        let piece = String(repeating: "x", count: 1 << 20)
        let script: [FakeUpstream.Step] = [.head(200, "application/json")] + Array(repeating: .send(piece), count: 17)
        let upstream = FakeUpstream(script)
        defer { upstream.stop() }
        let error = await failure(upstream)
        #expect(error?.kind == .malformedReply && error?.message.contains("16 MiB") == true)
    }

    @Test func ofALongRefusalTheBeginningIsEnough() async throws {
        let piece = String(repeating: "x", count: 1 << 16)
        let upstream = FakeUpstream([.head(429, "text/plain", ["retry-after": "2"]), .send("Slow down. " + piece), .send(piece), .stall])
        defer { upstream.stop() }
        let error = await failure(upstream)
        #expect(error?.kind == .rateLimited && error?.retryAfter == 2 && error?.message.hasPrefix("Slow down.") == true)
        #expect(try await upstream.wait { $0.clientsGone == 1 })
    }

    @Test func theConnectionServesTheNextCall() async throws {
        let body = DialectFixture.openAI.whole
        let reply: [FakeUpstream.Step] = [
            .send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"), .send(body), .nextRequest,
        ]
        let upstream = FakeUpstream(Array((0..<20).map { _ in reply }.joined()))
        defer { upstream.stop() }
        for _ in 0..<10 { #expect(await failure(upstream) == nil) }
        #expect(upstream.requests.count == 10 && upstream.connections < 10)
    }

    /// What has no lean path of its own collects the stream.
    @Test func theDefaultCollectsTheStream() async throws {
        let scripted = ScriptedProvider("s", .answers("Hello"), .fails(.overloaded, after: [.text("Hel")]))
        let endpoint = Endpoint(baseURL: "http://127.0.0.1")
        #expect(try await scripted.reply(request, at: endpoint).contains(.text("Hello")))
        #expect(scripted.requests.first?.stream == false && scripted.dropped(request).isEmpty)
        await #expect { try await scripted.reply(request, at: endpoint) } throws: { ($0 as? ProviderError)?.kind == .overloaded }
    }

    /// Prints what the lean path costs beside the stream's; asserts only that the work is done.
    @Test func speed() async throws {
        let body = DialectFixture.openAI.whole
        let reply: [FakeUpstream.Step] = [
            .send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"), .nextRequest,
        ]
        let upstream = FakeUpstream(Array((0..<500).map { _ in reply }.joined()))
        defer { upstream.stop() }
        let endpoint = Endpoint(baseURL: upstream.url)
        let provider = registry["custom"]!
        var whole = request
        whole.stream = false
        for lean in [true, false] {
            let start = ContinuousClock.now
            for _ in 0..<200 {
                if lean {
                    #expect(try await provider.reply(whole, at: endpoint).last == .finish(.stop))
                } else {
                    var last: ChatEvent?
                    for try await event in provider.chat(whole, at: endpoint) { last = event }
                    #expect(last == .finish(.stop))
                }
            }
            print("a whole reply \(lean ? "without" : "with") a stream: \((ContinuousClock.now - start) / .microseconds(1) / 200) µs")
        }
    }
}
