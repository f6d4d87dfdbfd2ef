import Foundation
import NIOCore
import Providers
import Synchronization
import Testing

@Suite struct NameLookupsTests {
    /// A resolver whose answers wait until the test opens the gate of their name.
    private final class Resolver: Sendable {
        private let condition = NSCondition()
        private let state = Mutex((begun: [String](), open: Set<String>(), opensAll: false))

        var begun: [String] { state.withLock { $0.begun } }

        func lookUp(_ name: String) -> [[UInt8]] {
            state.withLock { $0.begun.append(name) }
            condition.lock()
            defer { condition.unlock() }
            while !state.withLock({ $0.opensAll || $0.open.contains(name) || name.hasPrefix("quick") }) { condition.wait() }
            return [[8, 8, 8, 8]]
        }

        func open(_ name: String? = nil) {
            condition.lock()
            state.withLock { state in
                if let name { state.open.insert(name) } else { state.opensAll = true }
            }
            condition.broadcast()
            condition.unlock()
        }
    }

    private func lookups(_ resolver: Resolver, inAll: Int = 8, timeLimit: TimeAmount = .hours(1)) -> NameLookups {
        NameLookups(perUser: 2, inAll: inAll, timeLimit: timeLimit) { resolver.lookUp($0) }
    }

    private func ask(_ lookups: NameLookups, _ user: String?, _ names: String...) -> [Task<[[UInt8]], any Error>] {
        NameLookups.$user.withValue(user) { names.map { name in Task { try await lookups.addresses(name) } } }
    }

    @Test func oneUsersDeadNameServerHoldsUpNobodyElse() async throws {
        let resolver = Resolver()
        let lookups = lookups(resolver, inAll: 5)
        let stuck = ask(lookups, "ann", "dead1", "dead2", "dead3", "dead4", "dead5", "dead6", "dead7")
        #expect(try await eventually { resolver.begun.count == 2 })
        // The others', and the server's own.
        for user in ["bob", nil] {
            for name in ["quick1", "quick2", "quick3"] { #expect(try await ask(lookups, user, name)[0].value == [[8, 8, 8, 8]]) }
        }
        #expect(resolver.begun.filter { $0.hasPrefix("dead") }.count == 2, "a user has two at a time")
        resolver.open()
        for task in stuck { #expect(try await task.value == [[8, 8, 8, 8]]) }
        #expect(Set(resolver.begun.filter { $0.hasPrefix("dead") }).count == 7)
    }

    @Test func theSameNameIsLookedUpOnceAtATime() async throws {
        let resolver = Resolver()
        let lookups = lookups(resolver)
        let first = ask(lookups, "ann", "shared")
        #expect(try await eventually { resolver.begun.count == 1 })
        let more = ask(lookups, "ann", "shared", "shared", "shared")
        // Another user's does not wait for it, nor does a later one take an old answer.
        let other = ask(lookups, "bob", "shared")
        #expect(try await eventually { resolver.begun.count == 2 })
        resolver.open("shared")
        for task in first + more + other { #expect(try await task.value == [[8, 8, 8, 8]]) }
        #expect(resolver.begun.count == 2)
        _ = try await ask(lookups, "ann", "shared")[0].value
        #expect(resolver.begun.count == 3)
    }

    @Test func nobodyWaitsBeyondTheTimeLimitRunningOrWaiting() async throws {
        let resolver = Resolver()
        let lookups = lookups(resolver, timeLimit: .milliseconds(50))
        for task in ask(lookups, "ann", "dead1", "dead2", "dead3") {
            await #expect(throws: NameLookups.Unresolved.self) { try await task.value }
        }
        // Two threads are still held; what nobody waits for any more is not looked up when they are free.
        resolver.open()
        #expect(try await eventually { resolver.begun.count == 2 })
        while (try? await ask(lookups, "ann", "quick")[0].value) == nil {}
        #expect(!resolver.begun.contains("dead3"))
    }

    @Test func whoIsCancelledLeavesAtOnce() async throws {
        let resolver = Resolver()
        let lookups = lookups(resolver)
        let tasks = ask(lookups, "ann", "dead1", "dead2", "dead3")
        #expect(try await eventually { resolver.begun.count == 2 })
        for task in tasks {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        resolver.open()
    }

    @Test func whatWaitsIsBounded() async throws {
        let resolver = Resolver()
        let lookups = lookups(resolver)
        let tasks = (0..<2 + NameLookups.maxWaiting).flatMap { ask(lookups, "ann", "dead\($0)") }
        #expect(try await eventually { resolver.begun.count == 2 })
        var refused = 0
        // Tasks of the first ones may still be on their way: one is refused as soon as all have come.
        while refused == 0 {
            let more = ask(lookups, "ann", "more\(UUID().uuidString)")[0]
            let timer = Task {
                try await Task.sleep(for: .milliseconds(20)); more.cancel()
            }
            do { _ = try await more.value } catch is NameLookups.Unresolved { refused += 1 } catch {}
            timer.cancel()
        }
        #expect(try await ask(lookups, "bob", "quick")[0].value == [[8, 8, 8, 8]])
        resolver.open()
        for task in tasks { _ = try? await task.value }
    }

    @Test func anAddressNeedsNoLookUp() async throws {
        let resolver = Resolver()
        #expect(try await lookups(resolver).addresses("127.0.0.1") == [[127, 0, 0, 1]])
        #expect(resolver.begun.isEmpty)
    }
}
