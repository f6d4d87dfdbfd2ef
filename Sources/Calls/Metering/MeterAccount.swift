import Domain
import Store
import Synchronization

/// What the meter knows of one user: limits, and what the user, each minion and each key have used.
/// One lock for them all, because minions and keys are one user's.
final class MeterAccount: Sendable {
    struct State: Sendable {
        /// Of the limits below; another one says that they have changed.
        var version = -1
        var settings = LimitSettings()
        /// The user's, from `settings`, but for the budgets that a superuser has set.
        var limits = Limits()
        /// Those budgets.
        var imposed = Limits()
        var needsSums = false
        var user = ScopeUse()
        /// The same, with costs as a superuser's budget counts them.
        var counted = ScopeUse()
        var minions: [String: ScopeUse] = [:]
        var keys: [String: ScopeUse] = [:]
        /// Whether the sums of day and month are those of the database. Until a limit needs them they are not kept.
        var isOpen = false
        /// What was settled while they are read.
        var settledMeanwhile: [SettledRecord] = []
        var opening: Task<Void, any Error>?
        var storage = StorageUse()
        /// Rows that are being made, by what limits them.
        var creating: [LimitName: Int] = [:]
        /// Streams of events that are open.
        var streams = 0
    }

    /// What one request asks for, as its user pays for it and as a superuser's budget counts it.
    struct Asks {
        var paid: ScopeUse.Ask
        var counted: ScopeUse.Ask

        /// What costs nothing passes every budget; what has no price cannot be counted.
        var mayCost: Bool { (paid.cost ?? 0) > 0 || (counted.cost ?? 0) > 0 }
    }

    let user: String
    let state = Mutex(State())

    init(user: String) { self.user = user }

    /// Ends a reservation. `journal` is called under the lock: what is in the journal and what is in the sums is then one state.
    func settle(_ admission: Admission, keys: Set<String>, _ records: [UsageRecord], now: Int, journal: ([UsageRecord]) -> Void) {
        state.withLock { state in
            journal(records)
            let used = records.reduce(0) { $0.adding($1.tokens) }
            let held = admission.failed.withLock { $0.held }
            state.user.release(admission.ask, held: held.paid, used: used, limits: state.limits, now: now)
            state.counted.release(admission.counted, held: held.counted, used: used, limits: state.imposed, now: now)
            if let minion = admission.minion {
                let limits = state.settings.minions[minion] ?? Limits()
                state.minions[minion]?.release(admission.ask, held: held.paid, used: used, limits: limits, now: now)
            }
            for key in keys {
                let used = records.reduce(0) { $1.keyID == key ? $0.adding($1.tokens) : $0 }
                state.keys[key]?.release(admission.keyAsk, used: used, limits: state.settings.keys[key] ?? Limits(), now: now)
            }
            guard !records.isEmpty else { return }
            // Also where no sums are kept yet: they are read from the records.
            let settled = admission.withCounts { counts in records.map { SettledRecord($0, &counts) } }
            if state.isOpen {
                state.add(settled, except: [], now: now)
            } else if state.opening != nil {
                state.settledMeanwhile += settled
            }
        }
    }
}

extension MeterAccount.State {
    mutating func turn(_ now: Int) {
        user.turn(now)
        counted.turn(now)
        for minion in minions.keys { minions[minion]!.turn(now) }
        for key in keys.keys { keys[key]!.turn(now) }
    }

    /// - Parameter except: ids that are in the sums already.
    mutating func add(_ records: [SettledRecord], except: Set<String>, now: Int) {
        for settled in records where !except.contains(settled.record.id) {
            let record = settled.record
            user.add(record, request: settled.isFirst, now: now)
            counted.add(record, cost: record.countedCost ?? record.cost, request: settled.isFirst, now: now)
            if let minion = record.minionID { minions[minion, default: ScopeUse()].add(record, request: settled.isFirst, now: now) }
            if let key = record.keyID { keys[key, default: ScopeUse()].add(record, request: settled.isFirstOfKey, now: now) }
        }
    }

    /// Takes over records that were settled before the sums began to be read.
    mutating func settled(earlier records: [UsageRecord]) {
        let known = Set(settledMeanwhile.map(\.record.id))
        var counts: [String: RequestCounts] = [:]
        let earlier = records.filter { !known.contains($0.id) }.map { SettledRecord($0, &counts[$0.request, default: RequestCounts()]) }
        settledMeanwhile.insert(contentsOf: earlier, at: 0)
    }

    /// Takes the database's sums over, and adds what they do not hold yet.
    mutating func open(_ spent: UserStore.Spent, now: Int) {
        user.open(spent.user, now: now)
        counted.open(spent.counted, now: now)
        for id in Set(minions.keys).union(spent.minions.keys) { minions[id, default: ScopeUse()].open(spent.minions[id] ?? Spending(), now: now) }
        for id in Set(keys.keys).union(spent.keys.keys) { keys[id, default: ScopeUse()].open(spent.keys[id] ?? Spending(), now: now) }
        add(settledMeanwhile, except: spent.included, now: now)
        settledMeanwhile = []
        isOpen = true
        opening = nil
    }

    /// Whether a budget of any scope counts a request.
    func hasBudget(minion: String?, keys: [String]) -> Bool {
        limits.hasBudget || imposed.hasBudget || minion.flatMap { settings.minions[$0] }?.hasBudget == true
            || keys.contains { settings.keys[$0]?.hasBudget == true }
    }

    /// Whether no scope would refuse a request, and one of its keys has room.
    mutating func hasRoom(_ ask: MeterAccount.Asks, minion: String?, keys: [String], now: Int) -> Bool {
        turn(now)
        func fits(_ ask: ScopeUse.Ask, _ use: ScopeUse?, _ limits: Limits?) -> Bool {
            guard let limits else { return true }
            var use = use ?? ScopeUse()
            use.turn(now)
            return use.excess(ask, over: limits, scope: { _ in .user }, now: now) == nil
        }
        return fits(ask.paid, user, limits) && fits(ask.counted, counted, imposed)
            && (minion.map { fits(ask.paid, minions[$0], settings.minions[$0]) } ?? true)
            && (keys.isEmpty || keys.contains { fits(ask.paid, self.keys[$0], settings.keys[$0]) })
    }

    /// Checks every scope, then reserves on every one or on none.
    mutating func admit(_ ask: ScopeUse.Ask, counted asCounted: ScopeUse.Ask, minion: String?, now: Int) -> Result<Rates, LimitExceeded> {
        user.turn(now)
        counted.turn(now)
        if let exceeded = user.excess(ask, over: limits, scope: settings.scope(of:), now: now) {
            return .failure(with(user.rates(limits, now: now), exceeded))
        }
        if let exceeded = counted.excess(asCounted, over: imposed, scope: settings.imposedScope, now: now) {
            return .failure(with(user.rates(limits, now: now), exceeded))
        }
        guard let minion else {
            user.reserve(ask, limits: limits, now: now)
            counted.reserve(asCounted, limits: imposed, now: now)
            return .success(user.rates(limits, now: now))
        }
        let own = settings.minions[minion] ?? Limits()
        var use = minions[minion] ?? ScopeUse()
        use.turn(now)
        if let exceeded = use.excess(ask, over: own, scope: { _ in .minion }, now: now) {
            return .failure(with(user.rates(limits, now: now).tightest(use.rates(own, now: now)), exceeded))
        }
        user.reserve(ask, limits: limits, now: now)
        counted.reserve(asCounted, limits: imposed, now: now)
        use.reserve(ask, limits: own, now: now)
        minions[minion] = use
        return .success(user.rates(limits, now: now).tightest(use.rates(own, now: now)))
    }

    /// Reserves what failed calls of the request have cost, before the next one is made: its own cost comes beside theirs.
    mutating func holdFailed(_ admission: Admission, now: Int) -> LimitExceeded? {
        admission.failed.withLock { failed in
            let more = (paid: failed.spent.paid - failed.held.paid, counted: failed.spent.counted - failed.held.counted)
            guard more.paid > 0 || more.counted > 0 else { return nil }
            turn(now)
            if let exceeded = user.excess(more.paid, over: limits, scope: settings.scope(of:), now: now) { return exceeded }
            if let exceeded = counted.excess(more.counted, over: imposed, scope: settings.imposedScope, now: now) { return exceeded }
            if let minion = admission.minion, let use = minions[minion], let own = settings.minions[minion] {
                if let exceeded = use.excess(more.paid, over: own, scope: { _ in .minion }, now: now) { return exceeded }
            }
            user.hold(more.paid)
            counted.hold(more.counted)
            if let minion = admission.minion { minions[minion]?.hold(more.paid) }
            failed.held = failed.spent
            return nil
        }
    }

    /// Checks a key, and reserves on it what `admission` has not reserved there yet.
    mutating func admit(_ admission: Admission, key: String, cost: Double?, now: Int) -> LimitExceeded? {
        guard let limits = settings.keys[key] else { return nil }
        return admission.keys.withLock { reserved in
            var use = keys[key] ?? ScopeUse()
            use.turn(now)
            if reserved.contains(key) {
                // A retry: its cost is reserved, its call is not.
                if let limit = limits.requestsPerMinute {
                    var rate = Limits()
                    rate.requestsPerMinute = limit
                    if let exceeded = use.excess(.init(tokens: 0, cost: 0), over: rate, scope: { _ in .key }, now: now) { return exceeded }
                }
                use.takeRequest(limits: limits, now: now)
            } else {
                var ask = admission.keyAsk
                ask.cost = cost
                if let exceeded = use.excess(ask, over: limits, scope: { _ in .key }, now: now) { return exceeded }
                // Released as the admission's own ask, so reserved as that.
                use.reserve(admission.keyAsk, limits: limits, now: now)
                reserved.insert(key)
            }
            keys[key] = use
            return nil
        }
    }

    private func with(_ rates: Rates, _ exceeded: LimitExceeded) -> LimitExceeded {
        var exceeded = exceeded
        exceeded.headers = rates.headers
        return exceeded
    }
}

/// Where one request is counted already: it counts once, however many calls it took, on each day that it has a call.
struct RequestCounts: Sendable {
    /// The last day it was counted on for its user and minion.
    private var day: Int?
    /// The same of the keys it used.
    private var keys: [String: Int] = [:]

    /// - Returns: whether the record is the first of its request on its day: of all, and of those with its key.
    fileprivate mutating func take(_ record: UsageRecord) -> (isFirst: Bool, isFirstOfKey: Bool) {
        let today = Period.day(Int(record.at.milliseconds))
        let isFirst = day != today
        day = today
        guard let key = record.keyID else { return (isFirst, false) }
        return (isFirst, keys.updateValue(today, forKey: key) != today)
    }
}

/// A record, and what it adds to the counts of requests.
struct SettledRecord: Sendable {
    var record: UsageRecord
    var isFirst: Bool
    var isFirstOfKey: Bool

    init(_ record: UsageRecord, _ counts: inout RequestCounts) {
        self.record = record
        (isFirst, isFirstOfKey) = counts.take(record)
    }
}
