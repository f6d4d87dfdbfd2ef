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

    /// Counts a try before it is made, so that tries at once cannot slip through together; a
    /// success takes it back.
    /// - Returns: seconds to wait where it may not be made, nil where it may.
    func begin(account: String, address: String?, now: Date = Date()) -> Int? {
        entries.withLock { entries in
            let waits = keys(account, address).compactMap { entries[$0.key]?.blockedUntil?.timeIntervalSince(now) }.filter { $0 > 0 }
            if let wait = waits.max() { return max(1, Int(wait.rounded(.up))) }
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
            return nil
        }
    }

    /// Seconds that this account or this address has to wait now; nil where a try may be made.
    func wait(account: String, address: String?, now: Date = Date()) -> Int? {
        entries.withLock { entries in
            keys(account, address).compactMap { entries[$0.key]?.blockedUntil?.timeIntervalSince(now) }.filter { $0 > 0 }.max()
                .map { max(1, Int($0.rounded(.up))) }
        }
    }

    /// A success clears the account and takes back what this try counted for the address; earlier
    /// failures of the address stay, or one account would excuse guessing at others.
    func succeeded(account: String, address: String?) {
        entries.withLock { entries in
            for (key, limit) in keys(account, address) {
                guard var entry = entries[key] else { continue }
                entry.failures = key.hasPrefix("account:") ? 0 : entry.failures - 1
                if entry.failures < limit { entry.blockedUntil = nil }
                entries[key] = entry.failures <= 0 ? nil : entry
            }
        }
    }

    private func keys(_ account: String, _ address: String?) -> [(key: String, limit: Int)] {
        [("account:\(account.lowercased())", limits.perAccount)] + (address.map { [("address:\($0)", limits.perAddress)] } ?? [])
    }
}
