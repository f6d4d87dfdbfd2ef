import Foundation
import NIOCore
import Providers
import Testing

/// What every provider must do, run over every registered one: a new provider passes by being registered.
@Suite struct ContractTests {
    static let ids = ProviderRegistry.standard().all.map(\.id)
    private let registry = ProviderRegistry.standard()
    private let question = ChatRequest(model: "m-1", messages: [ChatMessage(.system, "Be brief."), ChatMessage(.user, "Hi")])

    private func endpoint(_ upstream: FakeUpstream) -> Endpoint { Endpoint(baseURL: upstream.url, key: Secret("key-0123456789")) }

    /// Everything up to the end, and the error that ended it.
    private func run(_ id: String, _ request: ChatRequest, _ upstream: FakeUpstream) async -> (ReplyCollector, [ChatEvent], ProviderError?) {
        var collector = ReplyCollector()
        var events: [ChatEvent] = []
        do {
            for try await event in registry[id]!.chat(request, at: endpoint(upstream)) {
                collector.add(event)
                events.append(event)
            }
            return (collector, events, nil)
        } catch {
            return (collector, events, error as? ProviderError)
        }
    }

    @Test(arguments: ids, [true, false])
    func answers(id: String, streamed: Bool) async throws {
        let fixture = DialectFixture.of(id)
        let upstream = FakeUpstream([
            .head(200, streamed ? fixture.streamType : "application/json"), .send(streamed ? fixture.stream : fixture.whole),
        ])
        defer { upstream.stop() }
        var request = question
        request.stream = streamed
        let (reply, events, error) = await run(id, request, upstream)
        #expect(error == nil)
        #expect(reply.text == "Hello, wörld")
        #expect(reply.model == "m-1")
        #expect(reply.usage == fixture.usage)
        #expect(events.last == .finish(.stop))

        let sent = try #require(upstream.requests.first)
        #expect(sent.method == "POST" && sent.path == fixture.chatPath)
        #expect(sent.headers.values.contains { $0.contains("key-0123456789") })
        let body = try JSONValue(parsing: sent.body)
        #expect(body["model"] == "m-1" && body["stream"] == .bool(streamed))
        #expect(!sent.body.contains("key-0123456789"))
    }

    @Test(arguments: ids, [true, false])
    func callsTools(id: String, streamed: Bool) async {
        let fixture = DialectFixture.of(id)
        let upstream = FakeUpstream([
            .head(200, streamed ? fixture.streamType : "application/json"), .send(streamed ? fixture.toolStream : fixture.toolWhole),
        ])
        defer { upstream.stop() }
        var request = question
        request.stream = streamed
        let (reply, _, error) = await run(id, request, upstream)
        #expect(error == nil)
        #expect(reply.toolCalls.map(\.name) == ["get_weather"])
        #expect(reply.toolCalls.map(\.arguments) == [#"{"city":"Paris"}"#])
        #expect(reply.toolCalls.allSatisfy { $0.id.hasPrefix("call_") })
        #expect(reply.finish == .toolCalls)
    }

    @Test(arguments: ids)
    func ignoresWhatItDoesNotKnow(id: String) async {
        let fixture = DialectFixture.of(id)
        let upstream = FakeUpstream([.head(200, fixture.streamType), .send(fixture.strangeStream)])
        defer { upstream.stop() }
        let (reply, _, error) = await run(id, question, upstream)
        #expect(error == nil)
        #expect(reply.text == "Hello, wörld")
        #expect(reply.usage == fixture.usage)
        #expect(reply.toolCalls.isEmpty)
    }

    @Test(arguments: ids)
    func keepsReasoningApart(id: String) async {
        let fixture = DialectFixture.of(id)
        let upstream = FakeUpstream([.head(200, fixture.streamType), .send(fixture.reasoningStream)])
        defer { upstream.stop() }
        let (reply, _, error) = await run(id, question, upstream)
        #expect(error == nil)
        #expect(reply.reasoning == "Hmm." && reply.text == "Yes")
    }

    @Test(arguments: ids)
    func tellsEveryRefusalApart(id: String) async {
        for refusal in DialectFixture.of(id).refusals {
            let upstream = FakeUpstream([.head(refusal.status, "application/json", refusal.headers), .send(refusal.body)])
            defer { upstream.stop() }
            let (_, events, error) = await run(id, question, upstream)
            #expect(error?.kind == refusal.kind, "\(refusal.status) \(refusal.body)")
            #expect(error?.status == refusal.status)
            #expect(error?.provider == id)
            #expect(error?.message.isEmpty == false && error?.message.contains("abcd") == false)
            #expect(error?.retryAfter == (refusal.headers.keys.contains { $0.hasPrefix("retry") } ? 1.5 : nil))
            #expect(events.isEmpty)
        }
    }

    @Test(arguments: ids)
    func throwsWhatTheStreamReports(id: String) async {
        let fixture = DialectFixture.of(id)
        let upstream = FakeUpstream([.head(200, fixture.streamType), .send(fixture.brokenStream)])
        defer { upstream.stop() }
        let (reply, events, error) = await run(id, question, upstream)
        #expect(reply.text == "Hello")
        #expect(error?.kind == fixture.brokenKind)
        #expect(!events.contains(.finish(.stop)))
    }

    @Test(arguments: ids)
    func noticesACutStream(id: String) async {
        let fixture = DialectFixture.of(id)
        let orderly = FakeUpstream([.head(200, fixture.streamType), .send(fixture.cutStream)])
        let reset = FakeUpstream([.chunkedHead(fixture.streamType), .chunk(fixture.cutStream), .reset])
        let early = FakeUpstream([.chunkedHead(fixture.streamType), .chunk(fixture.cutStream)])
        for upstream in [orderly, reset, early] {
            defer { upstream.stop() }
            let (reply, _, error) = await run(id, question, upstream)
            #expect(reply.text == "Hello")
            #expect(reply.finish == nil)
            #expect(error?.kind == .cutStream)
        }
    }

    @Test(arguments: ids)
    func anEmptyReplyIsCutToo(id: String) async {
        for streamed in [true, false] {
            let upstream = FakeUpstream([.head(200, DialectFixture.of(id).streamType)])
            defer { upstream.stop() }
            var request = question
            request.stream = streamed
            let (_, events, error) = await run(id, request, upstream)
            #expect(error?.kind == .cutStream && events.isEmpty)
        }
    }

    @Test(arguments: ids)
    func nonsenseIsMalformed(id: String) async {
        let upstream = FakeUpstream([.head(200, "application/json"), .send("<html>hello</html>\n")])
        defer { upstream.stop() }
        let (_, _, error) = await run(id, question, upstream)
        #expect(error?.kind == .malformedReply)
    }

    @Test(arguments: ids)
    func listsModels(id: String) async throws {
        let fixture = DialectFixture.of(id)
        let upstream = FakeUpstream([.head(), .send(fixture.models)])
        defer { upstream.stop() }
        #expect(try await registry[id]!.models(at: endpoint(upstream)).map(\.id) == ["m-1", "m-2"])
        #expect(upstream.requests.first?.path == fixture.modelsPath)
    }

    @Test(arguments: ids)
    func asksForAMissingKeyBeforeCalling(id: String) async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.of(id).models)])
        defer { upstream.stop() }
        let provider = registry[id]!
        guard provider.info.needsKey else { return }
        for key in [nil, Secret("  ")] {
            await #expect { try await provider.models(at: Endpoint(baseURL: upstream.url, key: key)) } throws: {
                ($0 as? ProviderError)?.kind == .noKey
            }
        }
        #expect(upstream.connections == 0)
    }
}

/// Decoders see the same events however the network cuts the bytes.
@Suite struct DecoderSplitTests {
    @Test(arguments: ["openai", "anthropic", "ollama"])
    func splitAtEveryByte(id: String) throws {
        let fixture = DialectFixture.of(id)
        for text in [fixture.stream, fixture.strangeStream, fixture.toolStream, fixture.reasoningStream, fixture.brokenStream, fixture.cutStream] {
            let bytes = Array(text.replacing("\"function\":{", with: "\"id\":\"call_1\",\"function\":{").utf8)
            let (whole, wholeError) = decode(id, [bytes[...]])
            #expect(!whole.isEmpty)
            // In two pieces, cut at every byte, where that is quick; then byte by byte.
            for cut in bytes.indices where text == fixture.brokenStream {
                let (events, error) = decode(id, [bytes[..<cut], bytes[cut...]])
                #expect(events == whole && error == wholeError, "cut at \(cut)")
            }
            let (events, error) = decode(id, bytes.indices.map { bytes[$0...$0] })
            #expect(events == whole && error == wholeError)
        }
    }

    private func decode(_ id: String, _ pieces: [ArraySlice<UInt8>]) -> ([ChatEvent], ProviderError?) {
        var decoder: any ReplyDecoder =
            switch id {
            case "anthropic": AnthropicStreamDecoder(provider: id)
            case "ollama": OllamaStreamDecoder(provider: id)
            default: OpenAIStreamDecoder(provider: id)
            }
        var events: [ChatEvent] = []
        do {
            for piece in pieces { try decoder.push(ByteBuffer(bytes: piece), into: &events) }
            try decoder.finish(into: &events)
            return (events, nil)
        } catch {
            return (events, error as? ProviderError)
        }
    }
}
