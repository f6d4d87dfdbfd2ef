import Foundation
import Synchronization

/// Counts the writes that may change what a request finds: a user's minions, keys, releases, limits.
/// A copy of such rows that was read at one version is good as long as the version is the same.
///
/// Another process's writes are counted when it tells of them, which processes that share a PostgreSQL server
/// do; what a command beside a server on SQLite writes shows through the age that a copy may reach.
public final class StoreChanges: Sendable {
    /// Users share the counters: with a collision a copy is read again without need, and nothing else.
    private static let counters = 1024

    private struct State {
        var users = [UInt64](repeating: 0, count: StoreChanges.counters)
        var everyone: UInt64 = 0
        var observers: [@Sendable (_ user: String?) -> Void] = []
    }

    /// How this process is known to the others.
    let process = UUID().uuidString
    private let state = Mutex(State())

    /// Of this user's rows; take it before reading them.
    public func version(of user: String) -> UInt64 {
        let index = Self.index(user)
        return state.withLock { $0.users[index] &+ $0.everyone }
    }

    /// Calls `observer` after each counted commit, with the user whose rows it changed or nil where
    /// they may be anybody's. It must not block.
    public func observe(_ observer: @escaping @Sendable (_ user: String?) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// What other processes tell.
    func heard(_ notice: DatabaseNotice) {
        switch notice {
        case .gap: committed(user: nil)
        case .message(ObservedDatabase.topic, let payload):
            let parts = payload.split(separator: "|", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[0] != process else { return }
            committed(user: parts[1].isEmpty ? nil : String(parts[1]))
        case .message: break
        }
    }

    func committed(user: String?) {
        let observers = state.withLock { state in
            if let user { state.users[Self.index(user)] &+= 1 } else { state.everyone &+= 1 }
            return state.observers
        }
        for observer in observers { observer(user) }
    }

    private static func index(_ user: String) -> Int { Int(UInt(bitPattern: user.hashValue) % UInt(counters)) }
}
