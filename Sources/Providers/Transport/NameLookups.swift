import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Look-ups of host names by the operating system's resolver (`getaddrinfo`), which blocks for as long as name servers
/// are silent.
///
/// They run on threads of their own: never on event loops, nor on those of Swift's tasks. A user has a few of them at a
/// time and the process a few dozen, so that names whose server hangs hold up their own user only. Whoever asks for a
/// name that the same user is asking for already shares its answer. Nobody waits beyond the time limit.
public final class NameLookups: Sendable {
    /// Whose look-ups the running task makes; nil for the server's own.
    @TaskLocal public static var user: String?

    /// No address within the time limit, for whatever reason.
    package struct Unresolved: Error { package init() {} }

    static let shared = NameLookups()
    static let resolver: AddressPolicy.Resolver = { try await shared.addresses($0) }

    /// Names of one user that may wait for their turn.
    package static let maxWaiting = 64

    private struct Key: Hashable {
        var user: String?
        var name: String
    }

    /// One look-up, and everybody who waits for it.
    private struct Flight {
        var callers: [Caller] = []
        var isRunning = false
    }

    private struct State {
        var flights: [Key: Flight] = [:]
        /// Look-ups that block a thread, by user; one whose callers have given up goes on until the resolver does.
        var running: [String?: Int] = [:]
        /// Names whose turn has not come, by user, the oldest first.
        var waiting: [String?: [String]] = [:]
    }

    private let state = Mutex(State())
    private let threads: NIOThreadPool
    private let perUser: Int
    private let timeLimit: TimeAmount
    private let lookUp: @Sendable (String) -> [[UInt8]]

    /// - Parameters:
    ///   - perUser: look-ups of one user at a time.
    ///   - inAll: look-ups of all at a time, a thread each.
    ///   - timeLimit: how long one who asks waits.
    ///   - lookUp: blocks; addresses of 4 or 16 bytes, none where the name has none.
    package init(
        perUser: Int = 4, inAll: Int = 32, timeLimit: TimeAmount = .seconds(5),
        lookUp: @escaping @Sendable (String) -> [[UInt8]] = NameLookups.systemAddresses
    ) {
        self.perUser = perUser
        self.timeLimit = timeLimit
        self.lookUp = lookUp
        threads = NIOThreadPool(numberOfThreads: inAll)
        threads.start()
    }

    /// - Throws: ``Unresolved``; `CancellationError`.
    package func addresses(_ name: String) async throws -> [[UInt8]] {
        if let literal = AddressText.bytes(name) { return [literal] }
        let caller = Caller()
        let key = Key(user: Self.user, name: name)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard caller.wait(continuation) else { return }
                let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: timeLimit) { caller.end(.failure(Unresolved())) }
                caller.onEnd { timer.cancel() }
                join(key, caller)
            }
        } onCancel: {
            caller.end(.failure(CancellationError()))
        }
    }

    private func join(_ key: Key, _ caller: Caller) {
        let isRefused = state.withLock { state in
            if state.flights[key] == nil {
                guard state.waiting[key.user, default: []].count < Self.maxWaiting else { return true }
                state.flights[key] = Flight()
                state.waiting[key.user, default: []].append(key.name)
            }
            state.flights[key]?.callers.append(caller)
            return false
        }
        if isRefused { return caller.end(.failure(Unresolved())) }
        startWaiting(key.user)
    }

    /// Starts what a user may start now.
    private func startWaiting(_ user: String?) {
        let names = state.withLock { state -> [String] in
            var names: [String] = []
            while state.running[user, default: 0] < perUser, state.waiting[user]?.isEmpty == false, let name = state.waiting[user]?.removeFirst() {
                let key = Key(user: user, name: name)
                // Everybody who asked has given up meanwhile.
                guard state.flights[key]?.callers.contains(where: { !$0.isOver }) == true else {
                    state.flights[key] = nil
                    continue
                }
                state.flights[key]?.isRunning = true
                state.running[user, default: 0] += 1
                names.append(name)
            }
            if state.waiting[user]?.isEmpty == true { state.waiting[user] = nil }
            return names
        }
        for name in names {
            threads.submit { [self] _ in
                let found = lookUp(name)
                let callers = state.withLock { state in
                    let left = state.running[user, default: 1] - 1
                    state.running[user] = left > 0 ? left : nil
                    return state.flights.removeValue(forKey: Key(user: user, name: name))?.callers ?? []
                }
                for caller in callers { caller.end(found.isEmpty ? .failure(Unresolved()) : .success(found)) }
                startWaiting(user)
            }
        }
    }

    /// One who waits. Whoever comes first ends it: the resolver, the time limit, or the caller who leaves.
    private final class Caller: Sendable {
        private struct State {
            var continuation: CheckedContinuation<[[UInt8]], any Error>?
            var result: Result<[[UInt8]], any Error>?
            var onEnd: (@Sendable () -> Void)?
        }
        private let state = Mutex(State())

        var isOver: Bool { state.withLock { $0.result != nil } }

        /// False where it is over already.
        func wait(_ continuation: CheckedContinuation<[[UInt8]], any Error>) -> Bool {
            let result = state.withLock { state in
                if state.result == nil { state.continuation = continuation }
                return state.result
            }
            if let result { continuation.resume(with: result) }
            return result == nil
        }

        func onEnd(_ body: @escaping @Sendable () -> Void) {
            let isOver = state.withLock { state in
                if state.result == nil { state.onEnd = body }
                return state.result != nil
            }
            if isOver { body() }
        }

        func end(_ result: Result<[[UInt8]], any Error>) {
            let ended = state.withLock { state -> State? in
                guard state.result == nil else { return nil }
                let ended = state
                state = State(result: result)
                return ended
            }
            ended?.onEnd?()
            ended?.continuation?.resume(with: result)
        }
    }

    @Sendable package static func systemAddresses(_ host: String) -> [[UInt8]] {
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, nil, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [[UInt8]] = []
        for entry in sequence(first: list, next: { $0?.pointee.ai_next }) {
            guard let entry, let address = entry.pointee.ai_addr else { continue }
            let bytes: [UInt8]? =
                switch entry.pointee.ai_family {
                case AF_INET:
                    address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin_addr, Array.init) }
                case AF_INET6:
                    address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin6_addr, Array.init) }
                default: nil
                }
            if let bytes, !found.contains(bytes) { found.append(bytes) }
        }
        return found
    }
}
