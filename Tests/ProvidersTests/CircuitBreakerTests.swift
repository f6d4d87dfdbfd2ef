import Domain
import Foundation
import Providers
import Testing

@Suite struct CircuitBreakerTests {
    private let request = ChatRequest(model: "asked", messages: [ChatMessage(.user, "Hi")])
    private let clock = ManualClock()
    private let health: RouterHealth

    init() {
        var settings = RouterHealth.Settings()
        settings.now = { [clock] in clock.now }
        settings.random = { 0 }
        health = RouterHealth(settings)
    }

    private func router(_ providers: any Provider...) -> Router {
        Router(registry: ProviderRegistry(providers), retry: .never, health: health)
    }

    private func route(_ provider: String, key: String? = nil, group: Int = 0) -> Route {
        Route(provider: provider, model: "m", endpoint: Endpoint(baseURL: "http://x"), keyID: key, group: group)
    }

    /// The error of a call that must fail.
    private func failure(_ router: Router, _ routes: [Route]) async throws -> RouterError {
        do {
            let reply = try await router.complete(request, routes: routes)
            Issue.record("it answered: \(reply.text)")
            throw CancellationError()
        } catch let error as RouterError { return error }
    }

    private func states() -> [String] { health.snapshot().map { "\($0.provider) \($0.state) \($0.count)" } }

    @Test("Trap 10: five failures in a row take an endpoint out of rotation, whatever the kind")
    func opensAfterFiveFailures() async throws {
        let kinds: [ProviderError.Kind] = [.serverError, .connection, .timeout, .cutStream, .malformedReply, .overloaded]
        for (number, kind) in kinds.enumerated() {
            let a = ScriptedProvider("a", .fails(kind))
            let router = router(a)
            let routes = [route("a", key: "k\(number)")]
            for _ in 0..<5 { #expect(try await failure(router, routes).last.kind == kind) }
            let refused = try await failure(router, routes)
            #expect(refused.last.kind == .circuitOpen && refused.last.retryAfter == 10)
            #expect(refused.attempts.map(\.wasSent) == [false] && refused.attempts.map(\.outcome) == ["circuit_open"])
            #expect(refused.attempts.first?.usage == nil && refused.attempts.first?.keyID == "k\(number)")
            #expect(a.requests.count == 5)
        }
        #expect(states() == ["a open \(kinds.count)"])
    }

    @Test("Trap 9: a rate limit fails over and never opens the circuit")
    func rateLimitsDoNotOpenIt() async throws {
        let a = ScriptedProvider("a", .fails(.rateLimited))
        let router = router(a, ScriptedProvider("b", .answers("from b")))
        for _ in 0..<25 {
            let reply = try await router.complete(request, routes: [route("a"), route("b", group: 1)])
            #expect(reply.text == "from b" && reply.attempts.map(\.outcome) == ["rate_limited", "ok"])
        }
        #expect(a.requests.count == 25)
        #expect(states() == ["a closed 1", "b closed 1"])
    }

    @Test(arguments: [ProviderError.Kind.invalidRequest, .authentication, .billing, .permission, .notFound])
    func theCallersFaultsDoNotOpenIt(kind: ProviderError.Kind) async throws {
        let router = router(ScriptedProvider("a", .fails(kind, status: 400)))
        for _ in 0..<25 { #expect(try await failure(router, [route("a")]).last.kind == kind) }
        #expect(states() == ["a closed 1"])
    }

    @Test func aSuccessInBetweenStartsTheCountAgain() async throws {
        let bad = ScriptedProvider.Reply.fails(.serverError)
        let router = router(ScriptedProvider("a", bad, bad, bad, bad, .answers("well"), bad, bad, bad, bad, .answers("well"), bad))
        for _ in 0..<2 {
            for _ in 0..<4 { _ = try await failure(router, [route("a")]) }
            #expect(try await router.complete(request, routes: [route("a")]).text == "well")
        }
    }

    @Test func itIsOpenTwiceAsLongEachTimeUpToFiveMinutes() async throws {
        let a = ScriptedProvider("a", .fails(.serverError))
        let router = router(a)
        for _ in 0..<5 { _ = try await failure(router, [route("a")]) }
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            clock.advance(.seconds(seconds) - .milliseconds(1))
            let early = try await failure(router, [route("a")])
            #expect(early.last.kind == .circuitOpen && abs((early.last.retryAfter ?? 0) - 0.001) < 1e-6)
            #expect(states() == ["a open 1"])
            clock.advance(.milliseconds(1))
            #expect(states() == ["a half_open 1"])
            // One probe, which fails.
            #expect(try await failure(router, [route("a")]).last.kind == .serverError)
        }
        #expect(a.requests.count == 12)
    }

    @Test func jitterLengthensTheTimeByAQuarterAtMost() async throws {
        var settings = RouterHealth.Settings()
        settings.random = { 0.5 }
        settings.now = { [clock] in clock.now }
        let router = Router(registry: ProviderRegistry([ScriptedProvider("a", .fails(.serverError))]), retry: .never, health: RouterHealth(settings))
        for _ in 0..<5 { _ = try await failure(router, [route("a")]) }
        #expect(try await failure(router, [route("a")]).last.retryAfter == 11.25)
    }

    /// Opens the circuit of `a` and lets its time pass.
    private func halfOpen() async throws {
        let failing = router(ScriptedProvider("a", .fails(.serverError)))
        for _ in 0..<5 { _ = try await failure(failing, [route("a")]) }
        clock.advance(.seconds(10))
        #expect(states() == ["a half_open 1"])
    }

    @Test func halfOpenLetsExactlyOneProbeThroughAndASuccessCloses() async throws {
        try await halfOpen()
        let held = HeldProvider("a")
        let router = router(held)
        let probe = Task { [request, routes = [route("a")]] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { held.open == 1 })
        for _ in 0..<10 {
            let refused = try await failure(router, [route("a")])
            #expect(refused.last.kind == .circuitOpen && refused.last.retryAfter == 1)
        }
        #expect(held.made == 1)
        held.end()
        #expect(try await probe.value.text == "x")
        #expect(states() == ["a closed 1"])
        // A single failure does not open it again, for the count has begun anew.
        #expect(try await failure(self.router(ScriptedProvider("a", .fails(.serverError))), [route("a")]).last.kind == .serverError)
        #expect(states() == ["a closed 1"])
    }

    @Test func theFirstTokenOfAProbeLetsOthersIn() async throws {
        try await halfOpen()
        let held = HeldProvider("a")
        let stream = router(held).chat(request, routes: [route("a")])
        #expect(try await eventually { held.open == 1 })
        held.send(.text("He"))
        var events = stream.events.makeAsyncIterator()
        #expect(try await events.next() == .text("He"))
        #expect(states() == ["a closed 1"])
        // Cut after all: one failure is enough now, and the time is the doubled one.
        held.end(ProviderError(.cutStream, provider: "a", message: "cut"))
        await #expect(throws: RouterError.self) { _ = try await events.next() }
        #expect(try await failure(router(held), [route("a")]).last.retryAfter == 20)
    }

    @Test func aProbeThatIsGivenUpLeavesTheNextCallToProbe() async throws {
        try await halfOpen()
        let held = HeldProvider("a")
        let router = router(held)
        let probe = Task { [request, routes = [route("a")]] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { held.open == 1 })
        probe.cancel()
        await #expect(throws: CancellationError.self) { try await probe.value }
        #expect(states() == ["a half_open 1"])
        #expect(try await self.router(ScriptedProvider("a", .answers("well"))).complete(request, routes: [route("a")]).text == "well")
        #expect(states() == ["a closed 1"])
    }

    @Test func aRefusalThatIsNotTheEndpointsFaultEndsAProbe() async throws {
        try await halfOpen()
        let refused = try await failure(router(ScriptedProvider("a", .fails(.rateLimited, status: 429))), [route("a")])
        #expect(refused.last.kind == .rateLimited)
        #expect(states() == ["a closed 1"])
    }

    @Test func callsFromBeforeTheOpeningHaveNoSay() async throws {
        let held = HeldProvider("a")
        let old = Task { [request, router = router(held), routes = [route("a")]] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { held.open == 1 })
        for _ in 0..<5 { _ = try await failure(router(ScriptedProvider("a", .fails(.serverError))), [route("a")]) }
        held.end()
        #expect(try await old.value.text == "x")
        #expect(states() == ["a open 1"])
    }

    @Test func eachKeyAndEachAddressHasItsOwn() async throws {
        let router = router(ScriptedProvider("a", .fails(.serverError)))
        for _ in 0..<5 { _ = try await failure(router, [route("a", key: "one")]) }
        #expect(try await failure(router, [route("a", key: "one")]).last.kind == .circuitOpen)
        #expect(try await failure(router, [route("a", key: "two")]).last.kind == .serverError)
        var elsewhere = route("a", key: "one")
        elsewhere.endpoint.baseURL = "http://y"
        #expect(try await failure(router, [elsewhere]).last.kind == .serverError)
        // Keys without an id are told apart by themselves.
        for secret in ["s1", "s2"] {
            var given = route("a")
            given.endpoint.key = Secret(secret)
            #expect(try await failure(router, [given]).last.kind == .serverError)
        }
        #expect(states() == ["a closed 4", "a open 1"])
    }

    @Test func withEveryCircuitOpenTheSoonestIsNamed() async throws {
        let router = router(ScriptedProvider("a", .fails(.serverError)), ScriptedProvider("b", .fails(.serverError)))
        for _ in 0..<5 { _ = try await failure(router, [route("b")]) }
        clock.advance(.seconds(4))
        for _ in 0..<5 { _ = try await failure(router, [route("a")]) }
        let error = try await failure(router, [route("a"), route("b", group: 1)])
        #expect(error.last.kind == .circuitOpen && error.last.provider == "b" && error.last.retryAfter == 6)
        #expect(error.last.message.contains("again in 6 s"))
        #expect(error.attempts.map(\.outcome) == ["circuit_open", "circuit_open"] && !error.attempts.contains(where: \.wasSent))
    }

    @Test func anOpenCircuitIsPassedOverAndItsProbeGoesFirst() async throws {
        let a = ScriptedProvider("a", .fails(.serverError))
        let b = ScriptedProvider("b", .answers("from b"))
        let router = router(a, b)
        let routes = [route("a"), route("b")]
        for _ in 0..<40 { #expect(try await router.complete(request, routes: routes).text == "from b") }
        #expect(a.requests.count == 5)
        clock.advance(.seconds(10))
        let reply = try await router.complete(request, routes: routes)
        #expect(reply.text == "from b" && reply.attempts.map(\.outcome) == ["server_error", "ok"])
    }

    @Test func healthIsBoundedAndForgetsIdleKeysFirst() async throws {
        var settings = RouterHealth.Settings()
        settings.capacity = 64
        settings.now = { [clock] in clock.now }
        let small = RouterHealth(settings)
        let held = HeldProvider("held")
        let router = Router(
            registry: ProviderRegistry([held, ScriptedProvider("a", .answers("x")), ScriptedProvider("bad", .fails(.serverError))]), retry: .never,
            health: small)
        for _ in 0..<5 { _ = try await failure(router, [route("bad", key: "bad")]) }
        let open = Task { [request, routes = [route("held", key: "busy")]] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { held.open == 1 })
        for number in 0..<1000 { _ = try await router.complete(request, routes: [route("a", key: "k\(number)")]) }
        let counts = small.snapshot()
        #expect(counts.reduce(0) { $0 + $1.count } <= 64)
        #expect(counts.contains { $0.provider == "bad" && $0.state == "open" }, "an open circuit outlives healthy ones")
        #expect(small.callsUnderWay == 1, "a key in use is never forgotten")
        held.end()
        _ = try await open.value
        #expect(small.callsUnderWay == 0)
    }
}
