import Domain
import Foundation
import Providers
import Synchronization
import TestSupport
import Testing

@Suite struct SpreadTests {
    private let request = ChatRequest(model: "asked", messages: [ChatMessage(.user, "12345678")])

    private func route(_ provider: String, key: String? = nil, weight: Double = 1, group: Int = 0) -> Route {
        Route(provider: provider, model: "m", endpoint: Endpoint(baseURL: "http://\(provider)"), keyID: key, weight: weight, group: group)
    }

    /// A router that notes its waits in seconds and rolls the given die.
    private func router(
        _ providers: [any Provider], waits: Box<Double> = Box(), retries: Int = 2, random: @escaping @Sendable () -> Double = { 0.5 },
        health: RouterHealth = RouterHealth()
    ) -> Router {
        Router(
            registry: ProviderRegistry(providers),
            retry: RetryPolicy(retries: retries, sleep: { waits.add($0 / .seconds(1)) }, random: random), health: health)
    }

    @Test func weightsAreShares() async throws {
        // The same sequence in every run (SeededGenerator).
        let state = Mutex<UInt64>(1)
        let die: @Sendable () -> Double = {
            state.withLock { state in
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
            }
        }
        let router = router(
            [ScriptedProvider("a", .answers("a")), ScriptedProvider("b", .answers("b")), ScriptedProvider("c", .answers("c"))], random: die)
        var counts: [String: Int] = [:]
        for _ in 0..<4000 {
            let reply = try await router.complete(request, routes: [route("a", weight: 3), route("b", weight: 1), route("c", weight: 0)])
            counts[reply.provider, default: 0] += 1
        }
        // 3000 expected; five standard deviations are 137.
        #expect(abs(counts["a", default: 0] - 3000) < 137, "\(counts)")
        #expect(counts["c"] == nil, "weight 0 is a last resort")
    }

    @Test func anotherRouteOfTheGroupIsAskedBeforeAnyWait() async throws {
        let waits = Box<Double>()
        let bad = ScriptedProvider.Reply.fails(.serverError)
        let (a, b, c) = (ScriptedProvider("a", bad, .answers("from a")), ScriptedProvider("b", bad), ScriptedProvider("c", .answers("from c")))
        let router = router([a, b, c], waits: waits)
        let reply = try await router.complete(request, routes: [route("a"), route("b"), route("c", group: 1)])
        // Both alternatives, one wait, and the first again; the fallback is not needed.
        #expect(reply.attempts.map(\.provider) == ["a", "b", "a"] && reply.text == "from a")
        #expect(reply.attempts.map(\.route) == [0, 1, 0] && reply.attempts.map(\.retry) == [0, 0, 1])
        #expect(waits.values.count == 1 && c.requests.isEmpty)
    }

    @Test func aGroupWaitsAsOftenAsOneRoute() async throws {
        let waits = Box<Double>()
        let bad = ScriptedProvider.Reply.fails(.serverError)
        let (a, b) = (ScriptedProvider("a", bad), ScriptedProvider("b", bad))
        await #expect(throws: RouterError.self) {
            try await router([a, b], waits: waits).complete(request, routes: [route("a"), route("b")])
        }
        #expect(a.requests.count + b.requests.count == 4 && waits.values.count == 2)
    }

    @Test(arguments: [ProviderError.Kind.billing, .authentication])
    func aKeyThatIsRefusedMovesOnToTheNextKey(kind: ProviderError.Kind) async throws {
        let waits = Box<Double>()
        let a = ScriptedProvider("a", .fails(kind, status: 401), .answers("second key"))
        let reply = try await router([a], waits: waits).complete(request, routes: [route("a", key: "one"), route("a", key: "two")])
        #expect(reply.text == "second key" && reply.attempts.map(\.keyID) == ["one", "two"] && waits.values.isEmpty)
    }

    @Test func aBadRequestIsNotTriedWithEveryKey() async throws {
        let a = ScriptedProvider("a", .fails(.invalidRequest, status: 400))
        let b = ScriptedProvider("b", .answers("from b"))
        let reply = try await router([a, b]).complete(request, routes: [route("a", key: "one"), route("a", key: "two"), route("b", group: 1)])
        #expect(reply.text == "from b" && a.requests.count == 1)
    }

    @Test func theQuickestIsAskedFirstAndTheUnknownBeforeIt() async throws {
        let clock = ManualClock()
        var settings = RouterHealth.Settings()
        settings.now = { clock.now }
        let (slow, quick) = (PacedProvider("slow", .milliseconds(40), clock), PacedProvider("quick", .milliseconds(2), clock))
        let router = router([slow, quick], health: RouterHealth(settings))
        let routes = [route("slow"), route("quick")]
        var asked: [String] = []
        for _ in 0..<6 { asked.append(try await router.complete(request, routes: routes, spread: .leastLatency).provider) }
        #expect(asked == ["slow", "quick", "quick", "quick", "quick", "quick"])
        // Now and then another goes first: the die says so, and then which.
        let dice = Mutex([0.01, 0.0])
        let curious = self.router([slow, quick], random: { dice.withLock { $0.isEmpty ? 0.5 : $0.removeFirst() } }, health: router.health)
        #expect(try await curious.complete(request, routes: routes, spread: .leastLatency).provider == "slow")
        #expect(try await curious.complete(request, routes: routes, spread: .leastLatency).provider == "quick")
    }

    @Test func failingFastIsNotBeingFast() async throws {
        let a = ScriptedProvider("a", .fails(.authentication, status: 401))
        let router = router([a, PacedProvider("b")])
        for _ in 0..<10 { _ = try await router.complete(request, routes: [route("a"), route("b")], spread: .leastLatency) }
        #expect(a.requests.count == 1)
    }

    @Test func aRateLimitedKeyRestsWhileOthersAreLeft() async throws {
        let clock = ManualClock()
        var settings = RouterHealth.Settings()
        settings.now = { clock.now }
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 30), .answers("from a"))
        let b = ScriptedProvider("b", .answers("from b"))
        let router = router([a, b], health: RouterHealth(settings))
        for _ in 0..<5 { #expect(try await router.complete(request, routes: [route("a"), route("b")]).text == "from b") }
        #expect(a.requests.count == 1)
        // Alone it is asked all the same, and even a fallback goes before it.
        for _ in 0..<2 { #expect(try await router.complete(request, routes: [route("a"), route("b", group: 1)]).text == "from b") }
        #expect(a.requests.count == 1)
        #expect(try await router.complete(request, routes: [route("a")]).text == "from a")
    }

    @Test func aRestingRouteIsStillAskedWhenItsFallbackFails() async throws {
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 30), .answers("from a"))
        let b = ScriptedProvider("b", .answers("from b"), .fails(.billing))
        let router = router([a, b])
        let routes = [route("a"), route("b", group: 1)]
        #expect(try await router.complete(request, routes: routes).text == "from b")
        let reply = try await router.complete(request, routes: routes)
        #expect(reply.text == "from a" && reply.attempts.map(\.outcome) == ["billing", "ok"])
    }

    @Test func theRestEndsWithTheTimeTheVendorNamed() async throws {
        let clock = ManualClock()
        var settings = RouterHealth.Settings()
        settings.now = { clock.now }
        let a = ScriptedProvider("a", .fails(.rateLimited, retryAfter: 30), .answers("from a"))
        let router = router([a, ScriptedProvider("b", .answers("from b"))], health: RouterHealth(settings))
        let routes = [route("a"), route("b")]
        #expect(try await router.complete(request, routes: routes).text == "from b")
        clock.advance(.seconds(29))
        #expect(try await router.complete(request, routes: routes).text == "from b")
        clock.advance(.seconds(1))
        #expect(try await router.complete(request, routes: routes).text == "from a")
    }

    @Test func theGateKeepsACallFromBeingMade() async throws {
        let (a, b) = (ScriptedProvider("a", .answers("from a")), ScriptedProvider("b", .answers("from b")))
        let asked = Box<String>()
        let gate: AttemptGate = { route throws(ProviderError) in
            asked.add(route.provider)
            if route.provider == "a" { throw ProviderError(.budget, provider: "a", message: "the day's budget is spent") }
        }
        let reported = Box<Attempt>()
        let router = router([a, b])
        let reply = try await router.complete(request, routes: [route("a"), route("b", group: 1)], gate: gate) { reported.add($0) }
        #expect(reply.text == "from b" && a.requests.isEmpty && asked.values == ["a", "b"])
        #expect(reported.values.map(\.outcome) == ["budget_exceeded", "ok"] && reported.values.map(\.wasSent) == [false, true])
        let stream = router.chat(request, routes: [route("a")], gate: gate)
        await #expect { for try await _ in stream.events {} } throws: { ($0 as? RouterError)?.last.kind == .budget }
        #expect(a.requests.isEmpty && router.health.callsUnderWay == 0)
    }

    @Test func aRoutesOwnPriceGoesBeforeTheTable() async throws {
        var own = route("a", key: "k")
        own.price = Price(provider: "a", model: nil, input: 1_000_000, output: 0, asOf: "2026-01-01", source: "own")
        let reply = try await router([ScriptedProvider("a", .answers("x"))]).complete(request, routes: [own])
        #expect(reply.attempts.first?.cost == 10 && reply.attempts.first?.keyID == "k")
    }

    @Test func timeoutsHoldWhereTheEndpointHasNoneOfItsOwn() async throws {
        let seen = Box<Duration>()
        let provider = PacedProvider("a") {
            seen.add($0.totalTimeout); seen.add($0.firstTokenTimeout)
        }
        let router = Router(
            registry: ProviderRegistry([provider]), timeouts: Timeouts(firstToken: .seconds(1), total: .seconds(2)))
        var own = route("a")
        own.endpoint.totalTimeout = .seconds(45)
        _ = try await router.complete(request, routes: [own])
        _ = try await router.complete(request, routes: [route("a")])
        #expect(seen.values == [.seconds(45), .seconds(1), .seconds(2), .seconds(1)])
    }

    @Test func whatAProviderDoesNotReceiveIsRecorded() async throws {
        var asked = request
        asked.sampling.seed = 1
        let reply = try await router([PacedProvider("a")]).complete(asked, routes: [route("a")])
        #expect(reply.attempts.first?.dropped == ["seed"])
    }

    /// What one whole call costs on the way through; printed, for no test may depend on speed.
    @Test func overheadOfAWholeCall() async throws {
        let router = Router(registry: ProviderRegistry([InstantProvider()]))
        let asked = ChatRequest(model: "m", messages: [ChatMessage(.user, String(repeating: "word ", count: 200))])
        let routes = [Route(provider: "instant", model: "m", endpoint: Endpoint(baseURL: "http://x"), keyID: "key_0123456789")]
        for count in [2000, 20000] {
            let start = ContinuousClock.now
            for _ in 0..<count { _ = try await router.complete(asked, routes: routes, onAttempt: { _ in }) }
            let each = start.duration(to: .now) / count
            if count == 20000 { print("Router.complete costs \(each / .microseconds(1)) µs a call") }
        }
        #expect(router.health.callsUnderWay == 0)
    }
}

/// Answers at once from memory, without a stream.
private struct InstantProvider: Provider {
    let info = ProviderInfo(id: "instant", name: "instant", defaultBaseURL: nil, needsKey: false)
    private let events: [ChatEvent] = [
        .model("m"), .text(String(repeating: "word ", count: 20)), .usage(TokenUsage(input: 200, output: 20)), .finish(.stop),
    ]
    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> { AsyncThrowingStream { $0.finish() } }
    func reply(_ request: ChatRequest, at endpoint: Endpoint) async throws -> [ChatEvent] { events }
}

/// Answers after a time of its own; drops the seed.
private struct PacedProvider: Provider {
    let info: ProviderInfo
    let pace: Duration
    /// What the router measures by.
    let clock: ManualClock?
    let onCall: @Sendable (Endpoint) -> Void

    init(_ id: String, _ pace: Duration = .zero, _ clock: ManualClock? = nil, onCall: @escaping @Sendable (Endpoint) -> Void = { _ in }) {
        info = ProviderInfo(id: id, name: id, defaultBaseURL: nil, needsKey: false)
        self.pace = pace
        self.clock = clock
        self.onCall = onCall
    }

    func dropped(_ request: ChatRequest) -> [String] { request.sampling.seed == nil ? [] : ["seed"] }
    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> { AsyncThrowingStream { $0.finish() } }
    func reply(_ request: ChatRequest, at endpoint: Endpoint) async throws -> [ChatEvent] {
        onCall(endpoint)
        clock?.advance(pace)
        return [.text("x"), .usage(TokenUsage(input: 1, output: 1)), .finish(.stop)]
    }
}
