import Foundation
import Synchronization

/// Slows down guessing: so many failures per account and per address in a window, then a wait that
/// doubles with each further failure.
final class LoginThrottle: Sendable {
    struct Limits: Sendable {
        var perAccount = 5
        var perAddress = 20
        /// Seconds in which failures count.
        var window = 900.0
        /// The longest wait, in seconds.
        var longest = 900.0
    }

    struct Entry: Sendable {
        var failures = 0
        var since: Date
        var blockedUntil: Date?
    }

    private let limits: Limits
    private let entries = Mutex<[String: Entry]>([:])

    init(limits: Limits = .init()) { self.limits = limits }

    /// Seconds to wait before trying again, or nil when a try is allowed now.
    func wait(account: String, address: String?, now: Date = Date()) -> Int? {
        entries.withLock { entries in
            let waits = keys(account, address).compactMap { entries[$0.key]?.blockedUntil?.timeIntervalSince(now) }.filter { $0 > 0 }
            return waits.max().map { max(1, Int($0.rounded(.up))) }
        }
    }

    func failed(account: String, address: String?, now: Date = Date()) {
        entries.withLock { entries in
            // Bounded memory: forget what no longer counts.
            if entries.count > 10_000 { entries = entries.filter { now.timeIntervalSince($0.value.since) < limits.window } }
            for (key, limit) in keys(account, address) {
                var entry = entries[key] ?? Entry(since: now)
                if now.timeIntervalSince(entry.since) > limits.window, (entry.blockedUntil ?? now) <= now { entry = Entry(since: now) }
                entry.failures += 1
                if entry.failures >= limit {
                    let wait = min(limits.longest, 15 * pow(2, Double(entry.failures - limit)))
                    entry.blockedUntil = now.addingTimeInterval(wait)
                }
                entries[key] = entry
            }
        }
    }

    /// A success clears the account; the address keeps its count, or one account would excuse guessing at others.
    func succeeded(account: String) { entries.withLock { $0["account:\(account.lowercased())"] = nil } }

    private func keys(_ account: String, _ address: String?) -> [(key: String, limit: Int)] {
        [("account:\(account.lowercased())", limits.perAccount)] + (address.map { [("address:\($0)", limits.perAddress)] } ?? [])
    }
}
