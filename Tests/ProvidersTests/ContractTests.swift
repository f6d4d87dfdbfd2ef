import Domain
import Foundation
import NIOCore
import Providers
import Testing

/// What every provider must do, run over every registered one: a new provider passes by being registered.
@Suite struct ContractTests {
    /// The vendors of this server and the one that `docs/adding-a-provider.md` adds.
    static let registry = ProviderRegistry.standard().adding([Document.vendor], transport: HTTPTransport())
    static let ids = registry.all.map(\.id)
    /// A vendor of each dialect.
    static let dialects: Set<String> = ["openai", "anthropic", "ollama"]
    private let registry = Self.registry
    private let question = ChatRequest(model: "m-1", messages: [ChatMessage(.system, "Be brief."), ChatMessage(.user, "Hi")])

    /// The lean path's events, and the error in their place.
    private func reply(_ id: String, _ request: ChatRequest, _ upstream: FakeUpstream) async -> ([ChatEvent], ProviderError?) {
        do { return (try await registry[id]!.reply(request, at: endpoint(upstream)), nil) } catch { return ([], error as? ProviderError) }
    }

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
    func aStatusIsEnough(id: String) async {
        for (status, kind) in DialectFixture.statuses {
            // What is nobody's error object is played to one vendor of each dialect.
            let odd = Self.dialects.contains(id) ? ["", "<html>\(status)</html>", "{\"error\":null}", "[]"] : []
            for body in [DialectFixture.of(id).plainRefusal] + odd {
                let script: [FakeUpstream.Step] = [.head(status), .send(body)]
                let upstream = FakeUpstream(script, script)
                defer { upstream.stop() }
                let (_, _, error) = await run(id, question, upstream)
                #expect(error?.kind == kind && error?.status == status && error?.retryAfter == nil, "\(status) \(body) \(String(describing: error))")
                #expect(await reply(id, question, upstream).1 == error)
            }
        }
    }

    @Test("Trap 11: no error repeats the key", arguments: ids)
    func noErrorRepeatsTheKey(id: String) async {
        for (status, type) in [(401, "application/json"), (200, "application/json"), (200, "text/event-stream")] {
            let script: [FakeUpstream.Step] = [
                .head(status, type), .send("{\"error\":{\"message\":\"your key-0123456789 is bad\",\"type\":\"x\"}}\n"),
                .send("data: key-0123456789\n\n"),
            ]
            let upstream = FakeUpstream(script, script)
            defer { upstream.stop() }
            for error in [await run(id, question, upstream).2, await reply(id, question, upstream).1] {
                #expect(error != nil && !"\(String(describing: error))".contains("key-0123456789"), "\(String(describing: error))")
            }
        }
    }

    /// The lean path says the same as the stream of one piece, of whatever comes.
    @Test(arguments: ids)
    func aWholeReplyIsTheSameWithoutAStream(id: String) async throws {
        let fixture = DialectFixture.of(id)
        let json = "application/json"
        var scripts: [[FakeUpstream.Step]] = [
            [.head(200, json), .send(fixture.whole)], [.head(200, json), .send(fixture.toolWhole)], [.head(200, json)],
            [.head(200, json), .send("<html>hello</html>\n")], [.head(200, json), .send("{}")],
            [.head(200, json), .send(#"{"error":{"message":"x"}}"#)],
            // A server may answer as a stream nevertheless.
            [.head(200, fixture.streamType), .send(fixture.stream)], [.head(200, fixture.streamType), .send(fixture.brokenStream)],
            [.head(200, fixture.streamType), .send(fixture.cutStream)],
            // Cut in the body, by the announced length and by the chunks.
            [.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n"), .send(fixture.whole)],
            [.chunkedHead(json), .chunk(String(fixture.whole.prefix(40)))], [.chunkedHead(json)],
        ]
        if Self.dialects.contains(id) { scripts += fixture.refusals.map { [.head($0.status, json, $0.headers), .send($0.body)] } }
        for script in scripts {
            let upstream = FakeUpstream(script, script)
            defer { upstream.stop() }
            var request = question
            request.stream = false
            let (_, events, error) = await run(id, request, upstream)
            let (lean, leanError) = await reply(id, question, upstream)
            #expect(leanError?.kind == error?.kind && leanError?.status == error?.status, "\(script): \(String(describing: leanError))")
            #expect(leanError?.retryAfter == error?.retryAfter && leanError?.requestID == error?.requestID && leanError?.provider == error?.provider)
            if error == nil { #expect(lean.map(Self.withoutCallID) == events.map(Self.withoutCallID)) }
            #expect((error == nil) == lean.contains { if case .finish = $0 { true } else { false } })
            #expect(upstream.requests.map(\.body).count == 2 && upstream.requests[0].body == upstream.requests[1].body, "both ask for one piece")
        }
    }

    /// Ollama gives no ids; ours are made anew for each reply.
    private static func withoutCallID(_ event: ChatEvent) -> ChatEvent {
        guard case .toolCall(let index, _, let name, let arguments) = event else { return event }
        return .toolCall(index: index, id: nil, name: name, arguments: arguments)
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

    @Test("Trap 6: a cut stream is an error, not a short answer", arguments: ids)
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
            // In two pieces, cut at every byte; then byte by byte.
            for cut in bytes.indices {
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
