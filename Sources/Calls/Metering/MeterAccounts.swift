import Store
import Synchronization

/// The accounts in memory: sharded, and bounded by letting go of those that have been idle longest.
final class MeterAccounts: Sendable {
    private final class Shard: Sendable {
        struct Entry {
            var account: MeterAccount
            /// Milliseconds.
            var touched: Int
        }
        let entries = Mutex<[String: Entry]>([:])
    }

    private let shards = (0..<16).map { _ in Shard() }
    private let capacity: Int
    /// A rate's bucket is full again after a minute; what the sums know is in the database. Forgetting an
    /// account that has been idle longer changes nothing.
    private static let idle = 120_000

    /// - Parameter capacity: how many are kept while they are idle.
    init(capacity: Int) { self.capacity = max(1, capacity / shards.count) }

    func account(_ user: String, now: Int) -> MeterAccount {
        shards[Int(UInt(bitPattern: user.hashValue) % UInt(shards.count))].entries.withLock { entries in
            if let index = entries.index(forKey: user) {
                entries.values[index].touched = now
                return entries.values[index].account
            }
            if entries.count >= capacity {
                // Half of them at once, so that a full table is not searched for every newcomer.
                let idle = entries.filter { now - $0.value.touched > Self.idle && $0.value.account.state.withLock { $0.isIdle } }
                for (user, _) in idle.sorted(by: { $0.value.touched < $1.value.touched }).prefix(max(1, capacity / 2)) { entries[user] = nil }
            }
            let account = MeterAccount(user: user)
            entries[user] = .init(account: account, touched: now)
            return account
        }
    }

    var count: Int { shards.reduce(0) { $0 + $1.entries.withLock { $0.count } } }
}

extension MeterAccount.State {
    fileprivate var isIdle: Bool { user.requests == 0 && streams == 0 && storage.arriving == 0 && opening == nil }
}
