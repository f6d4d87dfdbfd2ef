import Domain
import Foundation
import Providers
import Synchronization
import TestSupport
import Testing

/// Concurrency limits of keys.
@Suite struct SlotTests {
    private let request = ChatRequest(model: "asked", messages: [ChatMessage(.user, "Hi")])

    private func route(_ provider: String, key: String = "k", limit: Int?) -> Route {
        Route(provider: provider, model: "m", endpoint: Endpoint(baseURL: "http://x"), keyID: key, maxConcurrent: limit)
    }

    /// A router whose waits for a slot end only when the test says so.
    private func router(_ providers: any Provider..., giveUp: AsyncStream<Void>? = nil, failures: Int = 5) -> Router {
        var settings = RouterHealth.Settings()
        settings.failures = failures
        settings.sleep = { _ in
            if let giveUp { for await _ in giveUp { return } }
            try await Task.sleep(for: .seconds(600))
        }
        return Router(
            registry: ProviderRegistry(providers), retry: RetryPolicy(retries: 0), health: RouterHealth(settings))
    }

    @Test func aFullKeyGivesWayToAnother() async throws {
        let (a, b) = (HeldProvider("a"), ScriptedProvider("b", .answers("from b")))
        let router = router(a, b)
        let routes = [route("a", limit: 2), route("b", key: "other", limit: 2)]
        let held = (0..<2).map { _ in Task { [request] in try await router.complete(request, routes: [routes[0]]) } }
        #expect(try await eventually { a.open == 2 })
        for _ in 0..<5 {
            let reply = try await router.complete(request, routes: routes)
            // Nothing is recorded of it: the call was made, only elsewhere.
            #expect(reply.text == "from b" && reply.attempts.count == 1)
        }
        a.end()
        a.end()
        for task in held { #expect(try await task.value.text == "x") }
        #expect(a.made == 2 && router.health.callsUnderWay == 0)
    }

    @Test func callersWaitInLineForASlot() async throws {
        let a = HeldProvider("a")
        let router = router(a)
        let order = Box<Int>()
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<6 {
            tasks.append(
                Task { [request, routes = [route("a", limit: 1)]] in
                    _ = try await router.complete(request, routes: routes)
                    order.add(number)
                })
            // The next one comes when this one is in line.
            #expect(try await eventually { a.open == 1 && router.health.callersWaiting == number })
        }
        for number in 1...6 {
            #expect(try await eventually { a.open == 1 })
            a.end()
            #expect(try await eventually { order.values.count == number })
        }
        for task in tasks { try await task.value }
        #expect(order.values == Array(0..<6) && a.mostOpen == 1)
    }

    @Test func aWaitThatTakesTooLongIsKeyBusy() async throws {
        let a = HeldProvider("a")
        let (signal, giveUp) = AsyncStream.makeStream(of: Void.self)
        let router = router(a, giveUp: signal)
        let routes = [route("a", limit: 1)]
        let holder = Task { [request] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { a.open == 1 })
        giveUp.yield()
        do {
            _ = try await router.complete(request, routes: routes)
            Issue.record("it answered")
        } catch let error as RouterError {
            #expect(error.last.kind == .busy && error.last.retryAfter == 1)
            #expect(error.attempts.map(\.outcome) == ["key_busy"] && error.attempts.map(\.wasSent) == [false])
        }
        #expect(router.health.callersWaiting == 0)
        a.end()
        _ = try await holder.value
        #expect(a.made == 1 && router.health.callsUnderWay == 0)
    }

    @Test func aCallerThatLeavesTheLineLosesNothing() async throws {
        let a = HeldProvider("a")
        let router = router(a)
        let routes = [route("a", limit: 1)]
        let holder = Task { [request] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { a.open == 1 })
        let waiting = Task { [request] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { router.health.callersWaiting == 1 })
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(router.health.callersWaiting == 0)
        a.end()
        _ = try await holder.value
        let next = Task { [request] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { a.open == 1 })
        a.end()
        #expect(try await next.value.text == "x")
    }

    @Test func whoWaitsIsToldWhenTheCircuitOpens() async throws {
        let a = HeldProvider("a")
        let router = router(a, failures: 1)
        let routes = [route("a", limit: 1)]
        let holder = Task { [request] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { a.open == 1 })
        let waiting = Task { [request] in try await router.complete(request, routes: routes) }
        #expect(try await eventually { router.health.callersWaiting == 1 })
        a.end(ProviderError(.serverError, provider: "a", status: 500, message: "no"))
        await #expect(throws: RouterError.self) { try await holder.value }
        await #expect { _ = try await waiting.value } throws: { ($0 as? RouterError)?.last.kind == .circuitOpen }
        #expect(a.made == 1 && router.health.callsUnderWay == 0 && router.health.callersWaiting == 0)
    }

    @Test func aThousandRandomCancellationsLeakNoSlot() async throws {
        let router = router(RestlessProvider())
        var generator = SeededGenerator(seed: 7)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<1000 {
                let turns = Int.random(in: 0..<60, using: &generator)
                let streamed = number % 2 == 0
                let routes = [route("restless", key: "k\(number % 3)", limit: 4), route("restless", key: "k\((number + 1) % 3)", limit: 4)]
                group.addTask { [request] in
                    let call = Task {
                        if streamed {
                            for try await _ in router.chat(request, routes: routes).events {}
                        } else {
                            _ = try await router.complete(request, routes: routes)
                        }
                    }
                    for _ in 0..<turns { await Task.yield() }
                    call.cancel()
                    _ = try? await call.value
                }
                if number % 50 == 49 { await group.next() }
            }
        }
        #expect(try await eventually { router.health.callsUnderWay == 0 && router.health.callersWaiting == 0 })
        // Every slot can be had again, at once.
        let held = HeldProvider("restless")
        let after = Router(registry: ProviderRegistry([held]), retry: .never, health: router.health)
        let tasks = (0..<4).map { _ in
            Task { [request, routes = [route("restless", key: "k0", limit: 4)]] in try await after.complete(request, routes: routes) }
        }
        #expect(try await eventually { held.open == 4 })
        for _ in 0..<4 { held.end() }
        for task in tasks { _ = try await task.value }
    }
}

/// Takes a few turns of the scheduler for each call, and fails now and then in a way that opens no circuit.
private struct RestlessProvider: Provider {
    let info = ProviderInfo(id: "restless", name: "restless", defaultBaseURL: nil, needsKey: false)
    private let calls = Counter()

    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        AsyncThrowingStream { continuation in
            let task = Task {
                do {
                    for event in try await reply(request, at: endpoint) { continuation.yield(event) }
                    continuation.finish()
                } catch { continuation.finish(throwing: error) }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    func reply(_ request: ChatRequest, at endpoint: Endpoint) async throws -> [ChatEvent] {
        let number = calls.next()
        for _ in 0..<(number % 23) { await Task.yield() }
        try Task.checkCancellation()
        if number % 7 == 0 { throw ProviderError(.rateLimited, provider: "restless", status: 429, message: "slow down") }
        return [.text("x"), .usage(TokenUsage(input: 1, output: 1)), .finish(.stop)]
    }
}

private final class Counter: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
        value.withLock {
            $0 += 1
            return $0
        }
    }
}
