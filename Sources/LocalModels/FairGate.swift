import Synchronization

/// A bounded number of places for expensive work, shared fairly: no user holds more than a share of them, those who
/// wait are served in turn by user, and a wait ends with its task.
public final class FairGate: Sendable {
    /// So many of the user's requests wait already that another one is refused.
    public struct Full: Error, Sendable, CustomStringConvertible {
        /// What is waited for, as limits are named.
        public var name: String
        /// Of this user.
        public var waiting: Int
        public var limit: Int
        public var description: String { "\(waiting) of your requests wait for \(name) already, as many as may (\(limit))" }
    }

    /// Held until ``leave()``, or until nobody holds it any more.
    public final class Place: Sendable {
        private let gate: FairGate
        private let user: String
        private let isHeld = Atomic<Bool>(true)

        fileprivate init(_ gate: FairGate, _ user: String) {
            self.gate = gate
            self.user = user
        }

        public func leave() { if isHeld.exchange(false, ordering: .relaxed) { gate.left(user) } }

        deinit { leave() }
    }

    private typealias Continuation = CheckedContinuation<Void, any Error>

    private struct User {
        var held = 0
        /// Oldest first.
        var waiting: [Int] = []
    }

    private struct State {
        var held = 0
        var users: [String: User] = [:]
        /// Users who wait, the one to be served next first.
        var turns: [String] = []
        var waiters: [Int: Continuation] = [:]
        /// Waits that were cancelled before they began.
        var cancelled: Set<Int> = []
        var last = 0
    }

    public let name: String
    public let places: Int
    /// Places that one user may hold.
    public let share: Int
    private let mostWaiting: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: as limits are named.
    ///   - share: places that one user may hold; nil leaves one to others, where there are several.
    ///   - mostWaiting: requests of one user that may wait at once.
    public init(_ name: String, places: Int, share: Int? = nil, mostWaiting: Int) {
        self.name = name
        self.places = max(1, places)
        self.share = max(1, min(share ?? places - 1, places))
        self.mostWaiting = mostWaiting
    }

    /// Waits for a place.
    /// - Throws: ``Full``; `CancellationError`.
    public func enter(_ user: String) async throws -> Place {
        let id: Int? = try state.withLock { state in
            if state.held < places, state.users[user]?.held ?? 0 < share {
                Self.take(user, &state)
                return nil
            }
            let waiting = state.users[user]?.waiting.count ?? 0
            guard waiting < mostWaiting else { throw Full(name: name, waiting: waiting, limit: mostWaiting) }
            state.last += 1
            return state.last
        }
        if let id { try await wait(id, user) }
        return Place(self, user)
    }

    /// Runs `body` in a place.
    public func withPlace<T: Sendable>(_ user: String, _ body: @Sendable () async throws -> T) async throws -> T {
        let place = try await enter(user)
        defer { place.leave() }
        return try await body()
    }

    /// Places that are held, and requests that wait.
    public var use: (held: Int, waiting: Int) { state.withLock { ($0.held, $0.waiters.count) } }

    private func wait(_ id: Int, _ user: String) async throws {
        defer { state.withLock { _ = $0.cancelled.remove(id) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: Continuation) in
                let ended: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.contains(id) { return .failure(CancellationError()) }
                    // A place may have come free since the caller looked.
                    if state.held < places, state.users[user]?.held ?? 0 < share, state.users[user]?.waiting.isEmpty ?? true {
                        Self.take(user, &state)
                        return .success(())
                    }
                    if state.users[user]?.waiting.isEmpty ?? true { state.turns.append(user) }
                    state.users[user, default: User()].waiting.append(id)
                    state.waiters[id] = continuation
                    return nil
                }
                if let ended { continuation.resume(with: ended) }
            }
        } onCancel: {
            let continuation: Continuation? = state.withLock { state in
                guard let continuation = state.waiters.removeValue(forKey: id) else {
                    state.cancelled.insert(id)
                    return nil
                }
                state.users[user]?.waiting.removeAll { $0 == id }
                if state.users[user]?.waiting.isEmpty ?? true { state.turns.removeAll { $0 == user } }
                Self.forget(user, &state)
                return continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private func left(_ user: String) {
        let next: [Continuation] = state.withLock { state in
            state.held -= 1
            state.users[user]?.held -= 1
            Self.forget(user, &state)
            var next: [Continuation] = []
            while state.held < places, let turn = state.turns.firstIndex(where: { state.users[$0]?.held ?? 0 < share }) {
                let user = state.turns.remove(at: turn)
                let id = state.users[user]!.waiting.removeFirst()
                if !state.users[user]!.waiting.isEmpty { state.turns.append(user) }
                Self.take(user, &state)
                next.append(state.waiters.removeValue(forKey: id)!)
            }
            return next
        }
        for continuation in next { continuation.resume() }
    }

    private static func take(_ user: String, _ state: inout State) {
        state.held += 1
        state.users[user, default: User()].held += 1
    }

    private static func forget(_ user: String, _ state: inout State) {
        if let known = state.users[user], known.held == 0, known.waiting.isEmpty { state.users[user] = nil }
    }
}
