import Domain
import Foundation
import Providers
import Testing

/// What a vendor's word for the end of a reply means: a reply that is whole, or a failure that is told.
@Suite struct FinishReasonTests {
    private let registry = ProviderRegistry.standard()
    /// A vendor of each dialect.
    static let vendors = ["custom", "anthropic", "ollama"]
    private let question = ChatRequest(model: "m-1", messages: [ChatMessage(.user, "Hi")])

    /// The recorded reply with another word at its end.
    private func reply(_ id: String, streamed: Bool, ending word: String) -> [FakeUpstream.Step] {
        let fixture = DialectFixture.of(id)
        let text = ["finish_reason\":\"stop\"", "stop_reason\":\"end_turn\"", "done_reason\":\"stop\""].reduce(
            streamed ? fixture.stream : fixture.whole
        ) { text, end in
            text.replacingOccurrences(of: end, with: end.prefix { $0 != ":" } + ":" + word)
        }
        return [.head(200, streamed ? fixture.streamType : "application/json"), .send(text)]
    }

    /// The end of a reply as the provider reads it.
    private func end(_ id: String, _ script: [FakeUpstream.Step], streamed: Bool) async throws -> ChatEvent? {
        let upstream = FakeUpstream(script)
        defer { upstream.stop() }
        var request = question
        request.stream = streamed
        var last: ChatEvent?
        for try await event in registry[id]!.chat(request, at: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789"))) { last = event }
        return last
    }

    private func route(_ id: String, _ upstream: FakeUpstream, group: Int = 0) -> Route {
        Route(provider: id, model: "m-1", endpoint: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789")), group: group)
    }

    @Test(
        arguments: [
            ("custom", "stop", .stop), ("custom", "STOP", .stop), ("custom", "eos_token", .stop), ("custom", "length", .length),
            ("custom", "MAX_TOKENS", .length), ("custom", "model_length", .length),
            ("custom", "content_filter", .contentFilter), ("anthropic", "end_turn", .stop),
            ("anthropic", "stop_sequence", .stop), ("anthropic", "max_tokens", .length), ("anthropic", "model_context_window_exceeded", .length),
            ("anthropic", "refusal", .contentFilter), ("ollama", "stop", .stop), ("ollama", "length", .length),
        ] as [(String, String, FinishReason)])
    func aKnownWordIsAnEnd(id: String, word: String, reason: FinishReason) async throws {
        for streamed in [true, false] {
            #expect(try await end(id, reply(id, streamed: streamed, ending: "\"\(word)\""), streamed: streamed) == .finish(reason))
        }
    }

    @Test(
        arguments: vendors,
        [
            ("\"error\"", .serverError), ("\"a_word_of_tomorrow\"", .abortedReply), ("\"malformed_function_call\"", .abortedReply),
            ("7", .abortedReply), ("{\"type\":\"abort\"}", .abortedReply),
        ] as [(String, ProviderError.Kind)])
    func anyOtherIsAFailureThatNamesIt(id: String, word: (json: String, kind: ProviderError.Kind)) async throws {
        for streamed in [true, false] {
            guard case .failed(let error)? = try await end(id, reply(id, streamed: streamed, ending: word.json), streamed: streamed) else {
                Issue.record("\(id) takes \(word.json) for an end")
                continue
            }
            #expect(error.kind == word.kind && error.provider == id)
            #expect(error.message.contains(word.json.filter { $0 != "\"" }) || error.message.contains(word.json), "\(error.message)")
        }
    }

    @Test func theVendorsOwnFailuresHaveAKind() async throws {
        for (word, kind) in [("abort", ProviderError.Kind.serverError), ("insufficient_system_resource", .overloaded)] {
            guard case .failed(let error)? = try await end("custom", reply("custom", streamed: true, ending: "\"\(word)\""), streamed: true) else {
                Issue.record("\(word) is taken for an end")
                continue
            }
            #expect(error.kind == kind)
        }
    }

    /// An end that is marked and not explained: the vendor says itself that the reply is over.
    @Test func noWordIsNoFailure() async throws {
        for word in ["null", "\"\""] {
            #expect(try await end("custom", reply("custom", streamed: true, ending: word), streamed: true) == .finish(.other))
            #expect(try await end("ollama", reply("ollama", streamed: true, ending: word), streamed: true) == .finish(.stop))
        }
    }

    @Test func aFailureIsNotTakenBackByALaterWord() async throws {
        let chunks = """
            data: {"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}]}

            data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}

            data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

            data: [DONE]


            """
        guard case .failed? = try await end("custom", [.head(200, "text/event-stream"), .send(chunks)], streamed: true) else {
            Issue.record("taken for whole")
            return
        }
    }

    @Test func noMessageRepeatsTheKey() async throws {
        let script = reply("custom", streamed: true, ending: "\"key-0123456789\"")
        guard case .failed(let error)? = try await end("custom", script, streamed: true) else {
            Issue.record("taken for whole")
            return
        }
        #expect(!error.message.contains("key-0123456789"))
    }

    /// A whole reply has not reached the caller, whatever its length.
    @Test(arguments: vendors, ["\"error\"", "\"malformed_function_call\""])
    func aWholeReplyThatFailedFallsBackAndIsBilled(id: String, word: String) async throws {
        let script = reply(id, streamed: false, ending: word)
        let (first, second) = (
            FakeUpstream(script), FakeUpstream([.head(200, "application/json"), .send(DialectFixture.openAI.whole)])
        )
        defer {
            first.stop()
            second.stop()
        }
        let router = Router(registry: registry, retry: .never)
        let routes = [route(id, first), route("groq", second, group: 1)]
        var whole = question
        whole.stream = false
        let reply = try await router.complete(whole, routes: routes)
        #expect(reply.provider == "groq" && reply.text == "Hello, wörld" && reply.finish == .stop)
        #expect(reply.attempts[0].usage == DialectFixture.of(id).usage)
        #expect(first.requests.count == 1 && second.requests.count == 1)
        // The same where the answer is made of stages.
        var text = ""
        let stream = router.chat(whole, routes: routes)
        for try await event in stream.events { if case .text(let part) = event { text += part } }
        #expect(text == "Hello, wörld" && stream.attempts.map(\.outcome).last == "ok")
        #expect(first.requests.count == 2 && second.requests.count == 2)
    }

    /// One that is aborted has been paid for: it is not bought again of the same model.
    @Test func anAbortedReplyIsNotAskedForAgain() async {
        let upstream = FakeUpstream(reply("custom", streamed: false, ending: "\"malformed_function_call\""))
        defer { upstream.stop() }
        let router = Router(registry: registry, retry: RetryPolicy(sleep: { _ in }))
        await #expect { try await router.complete(question, routes: [route("custom", upstream)]) } throws: {
            ($0 as? RouterError)?.last.kind == .abortedReply
        }
        #expect(upstream.requests.count == 1)
    }

    @Test func beforeTheFirstTokenAStreamFallsBack() async throws {
        let failed = """
            data: {"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

            data: {"model":"m-1","choices":[{"index":0,"delta":{"content":"half"},"finish_reason":"error"}]}

            data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1}}

            data: [DONE]


            """
        let (first, second) = (
            FakeUpstream([.head(200, "text/event-stream"), .send(failed)]),
            FakeUpstream([.head(200, "text/event-stream"), .send(DialectFixture.openAI.stream)])
        )
        defer {
            first.stop()
            second.stop()
        }
        let stream = Router(registry: registry, retry: .never).chat(question, routes: [route("custom", first), route("groq", second, group: 1)])
        var text = ""
        for try await event in stream.events { if case .text(let part) = event { text += part } }
        #expect(text == "Hello, wörld")
        #expect(stream.attempts.map(\.outcome) == ["server_error", "ok"])
        #expect(stream.attempts[0].usage == TokenUsage(input: 12, output: 1))
    }

    @Test(arguments: vendors)
    func afterTheFirstTokenTheStreamEndsWithTheError(id: String) async {
        let (first, second) = (
            FakeUpstream(reply(id, streamed: true, ending: "\"malformed_function_call\"")),
            FakeUpstream([.head(200, "text/event-stream"), .send(DialectFixture.openAI.stream)])
        )
        defer {
            first.stop()
            second.stop()
        }
        let stream = Router(registry: registry, retry: .never).chat(question, routes: [route(id, first), route("groq", second, group: 1)])
        let seen = Box<ChatEvent>()
        await #expect { for try await event in stream.events { seen.add(event) } } throws: { error in
            guard let last = (error as? RouterError)?.last else { return false }
            return last.kind == .abortedReply && last.message.contains("malformed_function_call")
        }
        #expect(!seen.values.contains { if case .finish = $0 { true } else { false } } && second.requests.isEmpty)
        #expect(stream.attempts.map(\.usage) == [DialectFixture.of(id).usage])
    }

    @Test(arguments: [#"{"code":502,"message":"Upstream went away"}"#, #"{"code":502,"message":"Upstream went away","metadata":{}}"#])
    func anErrorInsideAChoiceIsTheVendorsError(object: String) async throws {
        let usage = #""usage":{"prompt_tokens":12,"completion_tokens":3}"#
        let whole =
            #"{"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Half"},"error":\#(object),"finish_reason":"error"}],\#(usage)}"#
        let bare = #"{"model":"m-1","choices":[{"error":\#(object)}],\#(usage)}"#
        for body in [whole, bare] {
            let upstream = FakeUpstream([.head(200, "application/json"), .send(body)])
            defer { upstream.stop() }
            do {
                _ = try await Router(registry: registry, retry: .never).complete(question, routes: [route("custom", upstream)])
                Issue.record("taken for whole")
            } catch let error as RouterError {
                #expect(error.last.kind == .serverError && error.last.message.contains("Upstream went away"))
                #expect(error.attempts.first?.usage?.input == 12 && error.attempts.first?.usage?.output == 3)
            }
        }
        let chunk =
            #"data: {"model":"m-1","choices":[{"index":0,"delta":{"content":""},"error":\#(object),"finish_reason":"error"}],\#(usage)}"# + "\n\n"
        let upstream = FakeUpstream([.head(200, "text/event-stream"), .send(chunk), .stall])
        defer { upstream.stop() }
        let stream = Router(registry: registry, retry: .never).chat(question, routes: [route("custom", upstream)])
        await #expect { for try await _ in stream.events {} } throws: { ($0 as? RouterError)?.last.message.contains("Upstream went away") ?? false }
        #expect(stream.attempts.first?.usage == TokenUsage(input: 12, output: 3))
    }

    /// One request's filter is not another's outage; an endpoint that fails every time is left alone.
    @Test func onlyAVendorsFailureOpensTheCircuit() async {
        for (word, opens) in [("malformed_function_call", false), ("error", true)] {
            let script = reply("custom", streamed: false, ending: "\"\(word)\"")
            let upstream = FakeUpstream(script)
            defer { upstream.stop() }
            let router = Router(registry: registry, retry: .never)
            for _ in 0..<6 { _ = try? await router.complete(question, routes: [route("custom", upstream)]) }
            #expect(upstream.requests.count == (opens ? 5 : 6))
        }
    }
}
