import Domain
import Foundation
import Providers
import Testing

@Suite struct RouterTests {
    private let request = ChatRequest(model: "asked", messages: [ChatMessage(.user, "12345678")])

    /// A router that neither sleeps nor rolls dice; `waits` gets the seconds it would have slept.
    private func router(_ providers: ScriptedProvider..., waits: Box<Double> = Box(), retries: Int = 2) -> Router {
        let price = Price(provider: "a", model: "m", input: 1_000_000, output: 2_000_000, asOf: "2026-01-01", source: "test")
        return Router(
            registry: ProviderRegistry(providers), prices: PriceTable([price], version: "test"),
            retry: RetryPolicy(
                retries: retries,
                sleep: { waits.add(Double($0.components.seconds) + Double($0.components.attoseconds) / 1e18) }, random: { 0.5 }))
    }

    private func route(_ provider: String, extra: [String: JSONValue] = [:]) -> Route {
        Route(provider: provider, model: "m", endpoint: Endpoint(baseURL: "http://x"), extra: extra)
    }

    /// Each in a group of its own.
    private func fallbacks(_ routes: Route...) -> [Route] {
        routes.enumerated().map { position, route in
            var route = route
            route.group = position
            return route
        }
    }

    private func failure(_ router: Router, _ routes: [Route]) async -> RouterError? {
        do {
            _ = try await router.complete(request, routes: routes)
            return nil
        } catch {
            return error as? RouterError
        }
    }

    @Test func answersAndRecords() async throws {
        let reported = Box<Attempt>()
        let a = ScriptedProvider("a", .answers("hello"))
        var asked = request
        asked.extra = ["top_k": 1, "kept": 2]
        let reply = try await router(a).complete(asked, routes: [route("a", extra: ["top_k": 5])], onAttempt: { reported.add($0) })
        #expect(reply.text == "hello" && reply.model == "answered" && reply.provider == "a" && reply.finish == .stop)
        #expect(reply.usage == TokenUsage(input: 10, output: 5))
        #expect(a.requests.first?.model == "m" && a.requests.first?.extra == ["top_k": 5, "kept": 2])
        let attempt = try #require(reply.attempts.first)
        #expect(reply.attempts == reported.values && reply.attempts.count == 1)
        #expect(attempt.outcome == "ok" && attempt.provider == "a" && attempt.model == "m")
        #expect(attempt.cost == 20)
        #expect(attempt.milliseconds >= attempt.firstTokenMilliseconds ?? .infinity)
    }

    @Test(arguments: [false, true])
    func aPlaceIsHeldForTheCallAndNoLonger(streams: Bool) async throws {
        let steps = Box<String>()
        let (a, b) = (ScriptedProvider("a", .fails(.serverError, status: 500)), ScriptedProvider("b", .answers("hello")))
        var routes = fallbacks(route("a"), route("b"))
        for index in routes.indices {
            let name = routes[index].provider
            routes[index].enter = {
                steps.add("+\(name)")
                return { steps.add("-\(name)") }
            }
        }
        let router = router(a, b, retries: 0)
        if streams {
            let stream = router.chat(request, routes: routes)
            for try await event in stream.events { if case .text = event { steps.add("text") } }
        } else {
            _ = try await router.complete(request, routes: routes)
        }
        #expect(steps.values.filter { $0 != "text" } == ["+a", "-a", "+b", "-b"])
    }

    @Test func aRouteWithoutAPlaceIsPassedOverAndNotBilled() async throws {
        let (a, b) = (ScriptedProvider("a", .answers("never")), ScriptedProvider("b", .answers("hello")))
        var routes = fallbacks(route("a"), route("b"))
        routes[0].enter = { throw ProviderError(.busy, provider: "a", message: "full") }
        let reply = try await router(a, b).complete(request, routes: routes)
        #expect(reply.text == "hello" && a.requests.isEmpty)
        #expect(reply.attempts.map(\.outcome) == ["key_busy", "ok"] && reply.attempts.map(\.wasSent) == [false, true])
        let error = try #require(await failure(router(a), [routes[0]]))
        #expect(error.last.kind == .busy)
    }

    @Test func aWaitForAPlaceEndsWithItsCaller() async throws {
        let a = ScriptedProvider("a", .answers("never"))
        var waiting = route("a")
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        waiting.enter = {
            begin.yield()
            try await Task.sleep(for: .seconds(3600))
            return {}
        }
        let (router, routes) = (router(a), [waiting])
        let task = Task { try await router.complete(request, routes: routes) }
        for await _ in begun { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(a.requests.isEmpty && router.health.callsUnderWay == 0)
    }

    @Test func collectsToolCallsAndReasoning() async throws {
        let a = ScriptedProvider(
            "a",
            .init(events: [
                .reasoning("h"), .reasoning("m"), .toolCall(index: 1, id: "y", name: "g", arguments: "{}"),
                .toolCall(index: 0, id: "x", name: "f", arguments: "{\"a\""),
                .toolCall(index: 0, id: nil, name: nil, arguments: ":1}"), .usage(TokenUsage(input: 1, output: 1)),
                .usage(TokenUsage(input: 2, output: 3)),
                .finish(.toolCalls),
            ]))
        let reply = try await router(a).complete(request, routes: [route("a")])
        #expect(reply.reasoning == "hm")
        #expect(reply.toolCalls == [ToolCall(id: "x", name: "f", arguments: "{\"a\":1}"), ToolCall(id: "y", name: "g", arguments: "{}")])
        #expect(reply.usage == TokenUsage(input: 2, output: 3) && reply.finish == .toolCalls)
    }

    @Test func retriesTheSameRouteWithFullJitter() async throws {
        let waits = Box<Double>()
        let a = ScriptedProvider("a", .fails(.serverError, status: 500), .fails(.overloaded, status: 529), .answers("third"))
        let reply = try await router(a, waits: waits).complete(request, routes: [route("a")])
        #expect(reply.text == "third")
        #expect(reply.attempts.map(\.outcome) == ["server_error", "overloaded", "ok"])
        #expect(waits.values == [0.125, 0.25])
        #expect(reply.attempts[0].status == 500 && reply.attempts[0].message == "no: server_error")
        #expect(reply.attempts[0].usage == nil && reply.attempts[0].cost == nil)
    }

    @Test func aShortWishIsWaitedOutOnce() async throws {
        for kind in [ProviderError.Kind.rateLimited, .overloaded, .serverError] {
            let waits = Box<Double>()
            let a = ScriptedProvider("a", .fails(kind, retryAfter: 4), .answers("second"))
            #expect(try await router(a, waits: waits).complete(request, routes: [route("a")]).text == "second")
            #expect(waits.values == [4])
            let busy = ScriptedProvider("a", .fails(kind, retryAfter: 4))
            let error = await failure(router(busy, waits: waits), [route("a")])
            #expect(error?.last.kind == kind && error?.last.retryAfter == 4)
            #expect(busy.requests.count == 2 && waits.values == [4, 4])
        }
    }

    @Test(arguments: [false, true])
    func aLongWishIsTheCallersToWaitFor(streamed: Bool) async throws {
        for kind in [ProviderError.Kind.rateLimited, .overloaded, .serverError] {
            let waits = Box<Double>()
            let a = ScriptedProvider("a", .fails(kind, retryAfter: 47))
            let router = router(a, waits: waits)
            let error: RouterError?
            if streamed {
                do {
                    for try await _ in router.chat(request, routes: [route("a")]).events {}
                    error = nil
                } catch let thrown { error = thrown as? RouterError }
            } else {
                error = await failure(router, [route("a")])
            }
            #expect(error?.last.kind == kind && error?.last.retryAfter == 47)
            #expect(a.requests.count == 1 && waits.values.isEmpty)
        }
    }

    @Test func aRateLimitWithoutAWishIsTriedOnceMore() async {
        let waits = Box<Double>()
        let a = ScriptedProvider("a", .fails(.rateLimited, status: 429))
        #expect(await failure(router(a, waits: waits), [route("a")])?.last.kind == .rateLimited)
        #expect(a.requests.count == 2 && waits.values == [0.125])
    }

    @Test func aRequestWaitsOnceForAllItsVendors() async {
        let waits = Box<Double>()
        let (a, b, c) = (
            ScriptedProvider("a", .fails(.rateLimited, retryAfter: 2)), ScriptedProvider("b", .fails(.rateLimited, retryAfter: 2)),
            ScriptedProvider("c", .fails(.rateLimited, retryAfter: 2))
        )
        _ = await failure(router(a, b, c, waits: waits), fallbacks(route("a"), route("b"), route("c")))
        // The last one is waited for: nobody else is left to ask.
        #expect(waits.values == [2])
        #expect([a, b, c].map(\.requests.count) == [1, 1, 2])
    }

    @Test func aProviderThatIsItsOwnFallbackIsAskedOnce() async {
        let waits = Box<Double>()
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 47))
        let error = await failure(router(a, waits: waits), fallbacks(route("a"), route("a"), route("a"), route("a")))
        #expect(a.requests.count == 1 && waits.values.isEmpty && error?.attempts.count == 1)
        // What has no answer at all is asked again as often as if it stood there once.
        let silent = ScriptedProvider("a", .fails(.connection))
        _ = await failure(router(silent), fallbacks(route("a"), route("a"), route("a"), route("a")))
        #expect(silent.requests.count == 3)
    }

    @Test func anotherModelKeyOrAddressIsAnotherRoute() async {
        let a = ScriptedProvider("a", .fails(.authentication, status: 401))
        var (model, key, address) = (route("a"), route("a"), route("a"))
        model.model = "n"
        key.keyID = "key_2"
        address.endpoint.baseURL = "http://y"
        _ = await failure(router(a), fallbacks(route("a"), model, key, address, route("a"), model))
        #expect(a.requests.count == 4)
    }

    @Test func ofSeveralKeysTheSoonestIsTold() async {
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 47), .fails(.rateLimited, retryAfter: 3600))
        var other = route("a")
        other.keyID = "key_2"
        #expect(await failure(router(a), [route("a"), other])?.last.retryAfter == 47)
    }

    /// However long the vendor's wish: the next request does not ask it first.
    @Test(arguments: [50, 120, 80_000.0])
    func aKeyRestsAsLongAsItsVendorSays(wish: Double) async throws {
        let (a, b) = (ScriptedProvider("a", .fails(.rateLimited, retryAfter: wish)), ScriptedProvider("b", .answers("from b")))
        let router = router(a, b)
        for _ in 0..<3 {
            #expect(try await router.complete(request, routes: fallbacks(route("a"), route("b"))).provider == "b")
        }
        #expect(a.requests.count == 1 && b.requests.count == 3)
    }

    @Test func aShortWishIsWaitedOutWhereAllOthersRest() async throws {
        let waits = Box<Double>()
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 500))
        let b = ScriptedProvider("b", .answers("first"), .fails(.rateLimited, retryAfter: 1), .answers("second"))
        let router = router(a, b, waits: waits)
        let routes = fallbacks(route("a"), route("b"))
        #expect(try await router.complete(request, routes: routes).text == "first")
        #expect(try await router.complete(request, routes: routes).text == "second")
        #expect(waits.values == [1] && a.requests.count == 1)
    }

    @Test func workInTheBackgroundWaitsLonger() async throws {
        let waits = Box<Double>()
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 47), .fails(.rateLimited, retryAfter: 47), .answers("third"))
        var policy = RetryPolicy.background
        policy.sleep = { waits.add($0 / .seconds(1)) }
        let router = Router(registry: ProviderRegistry([a]), retry: policy)
        #expect(try await router.complete(request, routes: [route("a")]).text == "third")
        #expect(waits.values == [47, 47])
    }

    @Test func aWishOrATimeoutFallsOverInstead() async throws {
        for reply in [
            ScriptedProvider.Reply.fails(.rateLimited, retryAfter: 30), .fails(.rateLimited, retryAfter: 1), .fails(.overloaded, retryAfter: 4),
            .fails(.timeout),
        ] {
            let waits = Box<Double>()
            let a = ScriptedProvider("a", reply)
            let answer = try await router(a, ScriptedProvider("b", .answers("from b")), waits: waits).complete(
                request, routes: fallbacks(route("a"), route("b")))
            #expect(answer.text == "from b" && answer.provider == "b")
            #expect(a.requests.count == 1 && waits.values.isEmpty)
        }
    }

    @Test(arguments: [ProviderError.Kind.billing, .authentication, .invalidRequest, .permission, .notFound, .unsupported, .noKey])
    func whatRetryingCannotCureFallsOverAtOnce(kind: ProviderError.Kind) async throws {
        let a = ScriptedProvider("a", .fails(kind))
        let reply = try await router(a, ScriptedProvider("b", .answers("from b"))).complete(request, routes: fallbacks(route("a"), route("b")))
        #expect(a.requests.count == 1)
        #expect(reply.text == "from b" && reply.attempts.map(\.outcome) == [kind.rawValue, "ok"])
    }

    @Test("Trap 7: before the first token every failure falls over, and the client sees nothing of it")
    func fallsOverBeforeTheFirstTokenWithoutATrace() async throws {
        let a = ScriptedProvider("a", .fails(.overloaded, after: [.model("a's model"), .usage(TokenUsage(input: 3, output: 1)), .text("")]))
        let stream = router(a, ScriptedProvider("b", .answers("from b")), retries: 0).chat(request, routes: fallbacks(route("a"), route("b")))
        var seen: [ChatEvent] = []
        for try await event in stream.events { seen.append(event) }
        #expect(seen == [.model("answered"), .text("from b"), .usage(TokenUsage(input: 10, output: 5)), .finish(.stop)])
        #expect(stream.attempts.map(\.outcome) == ["overloaded", "ok"])
        #expect(stream.attempts[0].usage == TokenUsage(input: 3, output: 1))
    }

    @Test("Trap 7: after the first token has reached the client, nothing falls over")
    func neverFallsOverAfterTheFirstToken() async {
        let b = ScriptedProvider("b", .answers("from b"))
        let a = ScriptedProvider("a", .fails(.overloaded, after: [.text("Hel")], status: 529))
        let seen = Box<ChatEvent>()
        let stream = router(a, b).chat(request, routes: fallbacks(route("a"), route("b")))
        await #expect { for try await event in stream.events { seen.add(event) } } throws: { ($0 as? RouterError)?.last.kind == .overloaded }
        #expect(seen.values == [.text("Hel")])
        #expect(a.requests.count == 1 && b.requests.isEmpty)
        #expect(stream.attempts.map(\.outcome) == ["overloaded"])
        #expect(stream.attempts[0].usage == TokenUsage(input: 2, output: 1, isEstimate: true))
    }

    @Test("Trap 6: a stream that ends without a finish reason is an error")
    func aStreamWithoutAFinishIsCut() async {
        let a = ScriptedProvider("a", .init(events: [.text("Hel")]))
        let stream = router(a).chat(request, routes: [route("a")])
        await #expect { for try await _ in stream.events {} } throws: { ($0 as? RouterError)?.last.kind == .cutStream }
        #expect(stream.attempts.map(\.outcome) == ["cut_stream"] && a.requests.count == 1)
    }

    @Test func aWholeReplyThatWasCutIsAskedForAgain() async throws {
        let a = ScriptedProvider("a", .init(events: [.text("Hel")]), .answers("Hello"))
        let reply = try await router(a).complete(request, routes: [route("a")])
        #expect(reply.text == "Hello" && reply.attempts.map(\.outcome) == ["cut_stream", "ok"])
        #expect(reply.attempts[0].usage?.isEstimate == true)
    }

    @Test func missingUsageIsEstimatedAndMarked() async throws {
        let reply = try await router(ScriptedProvider("a", .answers("123456789", usage: nil))).complete(request, routes: [route("a")])
        #expect(reply.usage == TokenUsage(input: 2, output: 3, isEstimate: true))
        #expect(reply.attempts[0].cost == 8)
    }

    @Test func anUnknownPriceStaysUnknown() async throws {
        let reply = try await router(ScriptedProvider("b", .answers("x"))).complete(request, routes: [route("b")])
        #expect(reply.attempts[0].usage != nil && reply.attempts[0].cost == nil)
    }

    @Test func theErrorIsTheFirstRoutesMostTelling() async {
        let a = ScriptedProvider("a", .fails(.connection), .fails(.rateLimited), .fails(.connection))
        let error = await failure(router(a, ScriptedProvider("b", .fails(.authentication))), fallbacks(route("a"), route("b")))
        #expect(error?.last.kind == .rateLimited)
        #expect(error?.attempts.map(\.outcome) == ["connection", "rate_limited", "connection", "authentication"])
    }

    @Test func noRouteAndNoSuchProviderAreErrors() async {
        #expect(await failure(router(), [])?.last.kind == .invalidRequest)
        let error = await failure(router(), [route("nobody")])
        #expect(error?.last.kind == .unsupported && error?.attempts.count == 1)
    }

    @Test("Traps 5 and 8: a cancelled stream cancels the upstream call, and what it used is recorded once, as an estimate")
    func cancellationIsRecordedOnceAndReachesTheProvider() async throws {
        // Anthropic opens with one output token; what arrived must be counted all the same.
        let a = ScriptedProvider("a", .init(events: [.usage(TokenUsage(input: 9, output: 1)), .text("12345678")], hangs: true))
        let reported = Box<Attempt>()
        let stream = router(a, ScriptedProvider("b", .answers("b"))).chat(request, routes: fallbacks(route("a"), route("b"))) { reported.add($0) }
        let seen = Box<ChatEvent>()
        let consumer = Task {
            for try await event in stream.events { seen.add(event) }
            return stream.attempts
        }
        while seen.values.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
        consumer.cancel()
        let attempts = try await consumer.value
        #expect(attempts.map(\.outcome) == ["cancelled"])
        #expect(attempts.first?.usage == TokenUsage(input: 9, output: 2, isEstimate: true))
        #expect(attempts.first?.cost == 13)
        while a.cancelled == 0 { try await Task.sleep(for: .milliseconds(5)) }
        #expect(reported.values == attempts && a.requests.count == 1)
    }

    @Test func cancellingDuringAWaitStopsTheRetries() async throws {
        let a = ScriptedProvider("a", .fails(.overloaded))
        let waiting = Box<Bool>()
        let router = Router(
            registry: ProviderRegistry([a]),
            retry: RetryPolicy(sleep: { _ in
                waiting.add(true)
                try await Task.sleep(for: .seconds(60))
            }))
        let routes = [route("a")]
        let task = Task { [request] in try await router.complete(request, routes: routes) }
        while waiting.values.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(a.requests.count == 1)
    }

    @Test("Trap 8: a cancelled whole call cancels the upstream call and is recorded as cancelled")
    func aCancelledWholeCallIsRecorded() async throws {
        let a = ScriptedProvider("a", .init(events: [.usage(TokenUsage(input: 9, output: 1)), .text("12345678")], hangs: true))
        let reported = Box<Attempt>()
        let (router, routes) = (router(a, ScriptedProvider("b", .answers("b"))), fallbacks(route("a"), route("b")))
        let task = Task { [request] in try await router.complete(request, routes: routes) { reported.add($0) } }
        while a.requests.isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        while a.cancelled == 0 { await Task.yield() }
        #expect(reported.values.map(\.outcome) == ["cancelled"] && reported.values.first?.usage?.isEstimate == true)
        #expect(a.requests.count == 1 && router.health.callsUnderWay == 0)
    }

    @Test func givingUpFromOutsideIsACancellationToo() async throws {
        let a = ScriptedProvider("a", .init(events: [.text("x")], hangs: true))
        let stream = router(a).chat(request, routes: [route("a")])
        var events = stream.events.makeAsyncIterator()
        #expect(try await events.next() == .text("x"))
        stream.cancel()
        #expect(stream.attempts.map(\.outcome) == ["cancelled"])
        while a.cancelled == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test("Trap 7: an overload inside the stream falls over before the first token")
    func overloadInsideARealStreamFallsOverBeforeTheFirstToken() async throws {
        let overloaded = """
            event: message_start
            data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":3,"output_tokens":1}}}

            event: error
            data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}


            """
        let first = FakeUpstream([.head(200, "text/event-stream"), .send(overloaded)])
        let second = FakeUpstream([.head(200, "text/event-stream"), .send(DialectFixture.openAI.stream)])
        defer {
            first.stop()
            second.stop()
        }
        let router = Router(registry: .standard(), retry: .never)
        let reply = try await router.complete(
            request,
            routes: fallbacks(
                Route(provider: "anthropic", model: "m", endpoint: Endpoint(baseURL: first.url, key: Secret("key-0123456789"))),
                Route(provider: "custom", model: "m", endpoint: Endpoint(baseURL: second.url))))
        #expect(reply.text == "Hello, wörld" && reply.provider == "custom")
        #expect(reply.attempts.map(\.outcome) == ["overloaded", "ok"])
    }
}
