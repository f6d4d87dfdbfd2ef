import Domain
import Foundation
import Synchronization

/// Slows down guessing, without letting a stranger lock anybody out.
///
/// Failures count against the account as tried from one network, and against the network: after so many in a window each further one
/// doubles a wait. An account that is tried from many networks is slowed down for all but those its owner has signed in from: to one
/// try in a few seconds, which never becomes none.
package final class LoginThrottle: Sendable {
    package struct Limits: Sendable {
        /// Failures of one account from one network.
        var perAccount: Int
        /// Failures of one network, whatever the account.
        var perNetwork: Int
        /// Failures of one account from everywhere.
        var perAccountEverywhere = 50
        /// Seconds in which failures count.
        var window = 900.0
        /// The longest wait, in seconds.
        var longest = 900.0
        /// Seconds between the tries of an account that is tried from everywhere.
        var spacing = 2.0
        /// Most entries; beyond, those that block nobody are forgotten.
        var entries = 20_000

        package init(perAccount: Int = 5, perNetwork: Int = 20) {
            self.perAccount = perAccount
            self.perNetwork = perNetwork
        }
    }

    private enum Key: Hashable, Sendable {
        case account(String, ClientNetwork?)
        case network(ClientNetwork)
        case everywhere(String)
    }

    private struct Entry: Sendable {
        var failures = 0
        var since: Date
        var blockedUntil: Date?
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// Where accounts have been signed in from, and when last.
        var known: [Key: Date] = [:]
    }

    private let limits: Limits
    private let state = Mutex(State())

    package init(limits: Limits = .init()) { self.limits = limits }

    /// Counts a try before it is made, so that tries at once cannot slip through together; a success takes it back.
    /// - Returns: seconds to wait where it may not be made, nil where it may.
    package func begin(account: String, from network: ClientNetwork?, now: Date = Date()) -> Int? {
        let account = account.lowercased()
        return state.withLock { state in
            let keys = keys(account, network, state)
            let waits = keys.compactMap { state.entries[$0.key]?.blockedUntil?.timeIntervalSince(now) }.filter { $0 > 0 }
            if let wait = waits.max() { return max(1, Int(wait.rounded(.up))) }
            if state.entries.count > limits.entries { forget(&state, now) }
            for (key, limit) in keys {
                var entry = state.entries[key] ?? Entry(since: now)
                if now.timeIntervalSince(entry.since) > limits.window, (entry.blockedUntil ?? now) <= now { entry = Entry(since: now) }
                entry.failures += 1
                if entry.failures >= limit {
                    let wait = key == .everywhere(account) ? limits.spacing : 15 * pow(2, Double(min(entry.failures - limit, 32)))
                    entry.blockedUntil = now.addingTimeInterval(min(limits.longest, wait))
                }
                state.entries[key] = entry
            }
            return nil
        }
    }

    /// Seconds that this account as tried from there, or everybody in this network, is locked out for; nil where they are at most slowed
    /// down.
    package func lockOut(account: String, from network: ClientNetwork?, now: Date = Date()) -> Int? {
        let account = account.lowercased()
        return state.withLock { state in
            keys(account, network, state).filter { $0.key != .everywhere(account) }
                .compactMap { state.entries[$0.key]?.blockedUntil?.timeIntervalSince(now) }
                .filter { $0 > 0 }.max().map { max(1, Int($0.rounded(.up))) }
        }
    }

    /// A success clears the account as tried from there and takes back what this try counted elsewhere; earlier failures of the
    /// network stay, or one account would excuse guessing at others.
    package func succeeded(account: String, from network: ClientNetwork?, now: Date = Date()) {
        let account = account.lowercased()
        state.withLock { state in
            for (key, limit) in keys(account, network, state) {
                guard var entry = state.entries[key] else { continue }
                if case .account = key { entry.failures = 0 } else { entry.failures -= 1 }
                if entry.failures < limit { entry.blockedUntil = nil }
                state.entries[key] = entry.failures <= 0 ? nil : entry
            }
            if state.known.count > limits.entries {
                let median = state.known.values.sorted()[state.known.count / 2]
                state.known = state.known.filter { $0.value > median }
            }
            state.known[.account(account, network)] = now
        }
    }

    /// How many entries are kept.
    package var remembered: Int { state.withLock { $0.entries.count } }

    /// What a try counts against.
    private func keys(_ account: String, _ network: ClientNetwork?, _ state: borrowing State) -> [(key: Key, limit: Int)] {
        let own = Key.account(account, network)
        return [(own, limits.perAccount)] + (state.known[own] == nil ? [(.everywhere(account), limits.perAccountEverywhere)] : [])
            + (network.map { [(.network($0), limits.perNetwork)] } ?? [])
    }

    /// Bounds the memory: first goes what no longer counts, then, of what is left, what blocks nobody.
    private func forget(_ state: inout State, _ now: Date) {
        state.entries = state.entries.filter { now.timeIntervalSince($0.value.since) < limits.window || ($0.value.blockedUntil ?? now) > now }
        if state.entries.count > limits.entries / 2 { state.entries = state.entries.filter { ($0.value.blockedUntil ?? now) > now } }
        if state.entries.count > limits.entries / 2 {
            let median = state.entries.values.map(\.since).sorted()[state.entries.count / 2]
            state.entries = state.entries.filter { $0.value.since > median }
        }
    }
}
