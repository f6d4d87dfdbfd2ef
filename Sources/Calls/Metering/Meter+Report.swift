import Domain
import Foundation
import Store

/// One limit, and where its use stands.
public struct LimitUse: Sendable, Encodable, Equatable {
    public var name: LimitName
    /// Absent where there is none.
    public var limit: Double?
    /// Who set it: `default`, `user`, `minion` or `key`.
    public var scope: LimitExceeded.Scope?
    /// Requests under way count with what is reserved for them.
    public var used: Double
    public var remaining: Double?
    /// When a quota or budget begins anew.
    public var resetsAt: Date?
}

/// Limits as they are set, and their use.
public struct LimitReport: Sendable, Encodable {
    /// Of a minion or a key.
    public var id: String?
    /// As it is set; for a user by themselves.
    public var settings: Limits
    /// Of the day's upstream calls those with tokens at an unknown price, which no budget counts.
    public var unpricedRequests: Int
    public var limits: [LimitUse]
}

extension Meter {
    public struct UserReport: Sendable {
        public var user: LimitReport
        public var minions: [LimitReport]
        public var keys: [LimitReport]
    }

    /// What limits a user and how much of it is used, by the user, and by each minion and key with limits of its own.
    public func report(user: String) async throws -> UserReport { try await reports(user: user, nil) }

    /// The same of one target.
    public func report(user: String, _ target: LimitTarget) async throws -> LimitReport {
        let report = try await reports(user: user, target)
        switch target {
        case .user, .own: return report.user
        case .minion(let id): return report.minions.first { $0.id == id }!
        case .key(let id): return report.keys.first { $0.id == id }!
        }
    }

    private func reports(user: String, _ target: LimitTarget?) async throws -> UserReport {
        let account = account(user)
        let rows = store.user(user)
        try await openSums(account)
        let stored = try await rows.storedBytes()
        let kept = try await rows.keptRows()
        let started = try await rows.jobStarts(day: Period.day(now))
        return try await ready(account) { state, now in
            state.turn(now)
            func uses(_ use: ScopeUse, _ limits: Limits, _ target: LimitTarget, jobs: Int, scope: (LimitName) -> LimitExceeded.Scope) -> [LimitUse] {
                LimitName.allCases.filter { $0.applies(to: target) }.map { name in
                    let used: Double =
                        switch name {
                        case .storageBytes: Double(stored)
                        case .trainingJobsPerDay: Double(jobs)
                        case .eventStreams: Double(state.streams)
                        default: name.rows.map { Double(kept[$0] ?? 0) } ?? use.used(name, limits: limits, now: now)
                        }
                    let limit = limits[name]
                    return LimitUse(
                        name: name, limit: limit, scope: limit == nil ? nil : scope(name), used: used, remaining: limit.map { max(0, $0 - used) },
                        resetsAt: Self.reset(name, now: now))
                }
            }
            func part(_ id: String, _ limits: Limits, _ use: ScopeUse?, _ target: LimitTarget, _ scope: LimitExceeded.Scope) -> LimitReport {
                let use = use ?? ScopeUse()
                return LimitReport(
                    id: id, settings: limits, unpricedRequests: use.spending.unpriced,
                    limits: uses(use, limits, target, jobs: started[id] ?? 0, scope: { _ in scope }))
            }
            // One that has neither limits nor use is told too when it is asked for.
            var (minions, keys) = (Set(state.settings.minions.keys).union(state.minions.keys), Set(state.settings.keys.keys).union(state.keys.keys))
            switch target {
            case .minion(let id): minions.insert(id)
            case .key(let id): keys.insert(id)
            case .user, .own, nil: break
            }
            // Of a budget the user's own or the imposed one: whichever has less left.
            let imposed = uses(state.counted, state.imposed, .user, jobs: 0, scope: state.settings.imposedScope)
            let limits = zip(uses(state.user, state.limits, .user, jobs: started.values.reduce(0, +), scope: state.settings.scope(of:)), imposed).map
            {
                $1.remaining ?? .infinity < $0.remaining ?? .infinity ? $1 : $0
            }
            return .success(
                UserReport(
                    user: LimitReport(settings: state.settings.own, unpricedRequests: state.user.spending.unpriced, limits: limits),
                    minions: minions.sorted().map {
                        part($0, state.settings.minions[$0] ?? Limits(), state.minions[$0], .minion($0), .minion)
                    },
                    keys: keys.sorted().map {
                        part($0, state.settings.keys[$0] ?? Limits(), state.keys[$0], .key($0), .key)
                    }))
        }
    }

    private static func reset(_ name: LimitName, now: Int) -> Date? {
        switch name {
        case .requestsPerDay, .tokensPerDay, .costPerDay, .trainingJobsPerDay: Date(milliseconds: Int64(Period.nextDay(now)))
        case .costPerMonth: Date(milliseconds: Int64(Period.nextMonth(now)))
        default: nil
        }
    }
}
