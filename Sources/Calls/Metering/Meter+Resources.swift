import Foundation
import Store

/// One open stream of events.
public final class EventStreamUse: Sendable {
    private let account: MeterAccount

    init(_ account: MeterAccount) { self.account = account }

    deinit { account.state.withLock { $0.streams -= 1 } }
}

extension Meter {
    /// Runs `start`, which starts a training job, if that is within the limits; counts it if it succeeds.
    /// - Throws: ``LimitExceeded``, or what `start` throws.
    public func startingJob<T: Sendable>(user: String, minion: String, _ start: () async throws -> T) async throws -> T {
        let account = account(user)
        let (settings, today) = try await ready(account) { state, now in .success((state.settings, Period.day(now))) }
        let rows = store.user(user)
        // A job makes an adapter and a collection: one that is full before it begins does not begin.
        if settings.effective.storageBytes != nil { try await storage(user: user).take(1) }
        let own = settings.minions[minion]?.trainingJobsPerDay
        let full = try await rows.countJobStart(minion: minion, day: today, userLimit: settings.effective.trainingJobsPerDay, minionLimit: own)
        if let full {
            let end = Period.nextDay(today * Period.millisecondsPerDay)
            let exceeded = LimitExceeded(
                scope: full.isMinion ? .minion : settings.scope(of: .trainingJobsPerDay), what: .trainingJobsPerDay,
                limit: Double((full.isMinion ? own : settings.effective.trainingJobsPerDay) ?? 0), used: Double(full.used), asked: 1,
                retryAfter: Double(end - now) / 1000, resetsAt: Date(milliseconds: Int64(end)))
            count(exceeded)
            throw exceeded
        }
        do { return try await start() } catch {
            try await rows.uncountJobStart(minion: minion, day: today)
            throw error
        }
    }

    /// Runs `create`, which makes one more of what the user keeps, if there is room for it. Those under way count.
    /// - Throws: ``LimitExceeded``, or what `create` throws.
    public func creating<T>(_ name: LimitName, user: String, _ create: () async throws -> T) async throws -> T {
        let account = account(user)
        let (limit, scope) = try await ready(account) { state, _ in .success((state.limits[name], state.settings.scope(of: name))) }
        guard let limit, let rows = name.rows else { return try await create() }
        let underWay = account.state.withLock { state in
            state.creating[name, default: 0] += 1
            return state.creating[name, default: 0]
        }
        defer { account.state.withLock { $0.creating[name, default: 1] -= 1 } }
        let kept = try await store.user(user).count(rows) + underWay - 1
        guard Double(kept + 1) <= limit else {
            let exceeded = LimitExceeded(scope: scope, what: name, limit: limit, used: Double(kept), asked: 1)
            count(exceeded)
            throw exceeded
        }
        return try await create()
    }

    /// An open stream of events of this user's; it counts until nobody holds it.
    /// - Throws: ``LimitExceeded``.
    public func eventStream(user: String) async throws -> EventStreamUse {
        let account = account(user)
        try await ready(account) { state, _ -> Result<Void, LimitExceeded> in
            if let limit = state.limits.eventStreams, state.streams >= limit {
                return .failure(
                    LimitExceeded(
                        scope: state.settings.scope(of: .eventStreams), what: .eventStreams, limit: Double(limit), used: Double(state.streams),
                        asked: 1, retryAfter: 5))
            }
            state.streams += 1
            return .success(())
        }
        return EventStreamUse(account)
    }

    /// Room for an upload of this user.
    public func storage(user: String) async throws -> StorageReservation {
        let account = account(user)
        let isLimited = try await ready(account) { state, _ in .success(state.limits.storageBytes != nil) }
        while isLimited {
            let before = account.state.withLock { $0.storage.generation }
            let bytes = try await store.user(user).storedBytes()
            let isFresh = account.state.withLock { state in
                guard state.storage.generation == before else { return false }
                state.storage.kept = bytes
                return true
            }
            if isFresh { break }
        }
        return StorageReservation(account: account) { [self] in count($0) }
    }
}
