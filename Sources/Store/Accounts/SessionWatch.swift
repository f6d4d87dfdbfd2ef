import Foundation
import Synchronization

/// The session by which something was followed is over.
public struct SessionEnded: Error, Sendable {}

/// Ends what is followed by a session (a job's events, a streamed answer) when the session does. Whoever ends sessions
/// wakes those who follow something by one of that person, in this process and, where processes share a PostgreSQL
/// server, in the others; each then looks whether its own is still there.
public final class SessionWatch: Sendable {
    /// What is told to other processes: the user whose sessions have ended.
    static let topic = "sessions"

    private struct Watcher: Sendable {
        var user: String
        var wake: AsyncStream<Void>.Continuation
    }

    private struct State {
        var next = 0
        var watchers: [Int: Watcher] = [:]
    }

    /// How often a session is looked at without being told: that it has run out, nobody tells, nor does a command
    /// beside a server on SQLite.
    private let interval: Duration
    private let state = Mutex(State())

    init(interval: Duration = .seconds(30)) { self.interval = interval }

    /// How many follow something.
    public var count: Int { state.withLock { $0.watchers.count } }

    /// Lets everybody who follows something by a session of this user look after it.
    /// - Parameter user: nil for all users.
    func wake(_ user: String?) {
        let concerned = state.withLock { state in state.watchers.values.filter { user == nil || $0.user == user } }
        for watcher in concerned { watcher.wake.yield() }
    }

    /// What other processes tell.
    func heard(_ notice: DatabaseNotice) {
        switch notice {
        case .gap: wake(nil)
        case .message(Self.topic, let user): wake(user)
        case .message: break
        }
    }

    /// Runs `body` to its end, or until the session is over; then it is cancelled.
    /// - Throws: ``SessionEnded``, and what `body` throws.
    func whileOpen(_ user: String, isOpen: @Sendable @escaping () async -> Bool, _ body: @Sendable @escaping () async throws -> Void) async throws {
        let (wakes, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.watchers[state.next] = Watcher(user: user, wake: wake)
            return state.next
        }
        defer { state.withLock { $0.watchers[number] = nil } }
        // It may have ended between the request's log-in and now.
        wake.yield()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask {
                for await _ in wakes where await !isOpen() { throw SessionEnded() }
                return false
            }
            group.addTask { [interval] in
                while true {
                    try await Task.sleep(for: interval)
                    wake.yield()
                }
            }
            defer { group.cancelAll() }
            while try await group.next() == false {}
        }
    }
}
