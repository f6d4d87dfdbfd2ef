import Domain
import Foundation
import Store

/// What one user, minion or key has used and reserved. Pure: the caller holds the lock and knows the time.
struct ScopeUse: Sendable {
    /// What a request asks for before it is made.
    struct Ask: Sendable {
        var tokens: Int
        /// US dollars; nil where the price is unknown.
        var cost: Double?
        /// Whether it is a request, or a further part of one that holds its place already.
        var isRequest = true
    }

    private(set) var spending = Spending()
    private var day = 0
    private var month = 0
    /// Requests under way, and what they may come to.
    private(set) var requests = 0
    private(set) var tokens = 0
    private(set) var cost = 0.0
    private var requestBucket = TokenBucket()
    private var tokenBucket = TokenBucket()

    /// Begins a new day or month where one has begun. What is reserved stays reserved.
    mutating func turn(_ now: Int) {
        let today = Period.day(now)
        guard today != day else { return }
        day = today
        spending.requests = 0
        spending.tokens = 0
        spending.cost = 0
        spending.unpriced = 0
        let month = Period.month(now)
        if month != self.month {
            self.month = month
            spending.monthCost = 0
        }
    }

    /// Takes over what the database knows.
    mutating func open(_ sums: Spending, now: Int) {
        turn(now)
        spending = sums
    }

    /// The first limit that `ask` would pass.
    func excess(_ ask: Ask, over limits: Limits, scope: (LimitName) -> LimitExceeded.Scope, now: Int) -> LimitExceeded? {
        func exceeded(_ what: LimitName, _ limit: Double, _ used: Double, _ asked: Double, wait: Double?, until: Int? = nil) -> LimitExceeded {
            LimitExceeded(
                scope: scope(what), what: what, limit: limit, used: used, asked: asked, retryAfter: wait,
                resetsAt: until.map { Date(milliseconds: Int64($0)) })
        }
        /// A quota; where only requests under way stand in the way, the wait is theirs.
        func quota(_ what: LimitName, _ limit: Double?, used: Double, reserved: Double, asked: Double, until: @autoclosure () -> Int)
            -> LimitExceeded?
        {
            // A rounding error of a sum is no cent too much.
            guard let limit, used + reserved + asked > limit + 1e-12 else { return nil }
            let end = until()
            let wait = reserved > 0 && used + asked <= limit ? 1 : Double(end - now) / 1000
            return exceeded(what, limit, used + reserved, asked, wait: wait, until: end)
        }
        if let limit = limits.concurrentRequests, ask.isRequest, requests >= limit {
            return exceeded(.concurrentRequests, Double(limit), Double(requests), 1, wait: 1)
        }
        if ask.isRequest, let limit = limits.requestsPerMinute.map(Double.init) {
            let there = requestBucket.available(limit, now: now)
            if there < 1 { return exceeded(.requestsPerMinute, limit, limit - there, 1, wait: requestBucket.wait(for: 1, capacity: limit, now: now)) }
        }
        if let limit = limits.tokensPerMinute.map(Double.init) {
            let there = tokenBucket.available(limit, now: now)
            // What is larger than the bucket needs a full one, or it would never pass.
            let needed = min(Double(ask.tokens), limit)
            if there < needed || limit == 0 && ask.tokens > 0 {
                return exceeded(
                    .tokensPerMinute, limit, limit - there, Double(ask.tokens), wait: tokenBucket.wait(for: needed, capacity: limit, now: now))
            }
        }
        if ask.isRequest,
            let over = quota(
                .requestsPerDay, limits.requestsPerDay.map(Double.init), used: Double(spending.requests), reserved: Double(requests), asked: 1,
                until: Period.nextDay(now))
        {
            return over
        }
        if let over = quota(
            .tokensPerDay, limits.tokensPerDay.map(Double.init), used: Double(spending.tokens), reserved: Double(tokens), asked: Double(ask.tokens),
            until: Period.nextDay(now))
        {
            return over
        }
        // What is free passes every budget; what may cost anything at all does not pass one that is used up.
        guard ask.cost != 0, limits.hasBudget else { return nil }
        let asked = ask.cost ?? 1e-9
        if let over = quota(.costPerDay, limits.costPerDay, used: spending.cost, reserved: cost, asked: asked, until: Period.nextDay(now)) {
            return over
        }
        if let over = quota(.costPerMonth, limits.costPerMonth, used: spending.monthCost, reserved: cost, asked: asked, until: Period.nextMonth(now))
        {
            return over
        }
        guard ask.cost == nil, limits.refusesUnpriced else { return nil }
        let what: LimitName = limits.costPerDay != nil ? .costPerDay : .costPerMonth
        var refused = exceeded(
            what, limits[what] ?? 0, (limits.costPerDay != nil ? spending.cost : spending.monthCost) + cost, 0, wait: nil)
        refused.isUnpriced = true
        return refused
    }

    /// The first budget that so many dollars more would pass.
    func excess(_ cost: Double, over limits: Limits, scope: (LimitName) -> LimitExceeded.Scope, now: Int) -> LimitExceeded? {
        var budgets = Limits()
        (budgets.costPerDay, budgets.costPerMonth) = (limits.costPerDay, limits.costPerMonth)
        return excess(Ask(tokens: 0, cost: cost), over: budgets, scope: scope, now: now)
    }

    /// Reserves so many dollars more for a request that is reserved already.
    mutating func hold(_ cost: Double) { self.cost += cost }

    mutating func reserve(_ ask: Ask, limits: Limits, now: Int) {
        if ask.isRequest { requests += 1 }
        tokens = tokens.adding(ask.tokens)
        cost += ask.cost ?? 0
        if ask.isRequest, let limit = limits.requestsPerMinute { requestBucket.take(1, capacity: Double(limit), now: now) }
        if let limit = limits.tokensPerMinute { tokenBucket.take(Double(ask.tokens), capacity: Double(limit), now: now) }
    }

    /// One more call within a request that is reserved already.
    mutating func takeRequest(limits: Limits, now: Int) {
        if let limit = limits.requestsPerMinute { requestBucket.take(1, capacity: Double(limit), now: now) }
    }

    /// Ends the reservation; `used` tokens were used of those it held.
    /// - Parameter held: dollars that it held beside, see ``hold(_:)``.
    mutating func release(_ ask: Ask, held: Double = 0, used: Int, limits: Limits, now: Int) {
        if ask.isRequest { requests -= 1 }
        tokens = max(0, tokens - ask.tokens)
        // A sum that was added to and taken from keeps a rounding error.
        cost = requests == 0 ? 0 : max(0, cost - (ask.cost ?? 0) - held)
        if let limit = limits.tokensPerMinute { tokenBucket.take(Double(used) - Double(ask.tokens), capacity: Double(limit), now: now) }
    }

    /// - Parameter request: whether the record is its request's first of the day.
    mutating func add(_ record: UsageRecord, request: Bool, now: Int) { add(record, cost: record.cost, request: request, now: now) }

    /// - Parameter cost: what is counted in place of the record's own.
    mutating func add(_ record: UsageRecord, cost: Double?, request: Bool, now: Int) {
        turn(now)
        let at = Int(record.at.milliseconds)
        if Period.month(at) == month { spending.monthCost += cost ?? 0 }
        guard Period.day(at) == day else { return }
        spending.requests += request ? 1 : 0
        spending.tokens = spending.tokens.adding(record.tokens)
        spending.cost += cost ?? 0
        if cost == nil, record.inputTokens != nil { spending.unpriced += 1 }
    }

    /// What is left of the rates and day quotas: of requests and of tokens the one that has least left.
    func rates(_ limits: Limits, now: Int) -> Rates {
        func tightest(_ minute: Int?, _ bucket: TokenBucket, _ day: Int?, _ used: Int) -> Rates.Rate? {
            var rates: [Rates.Rate] = []
            if let minute = minute.map(Double.init) {
                rates.append(
                    .init(
                        limit: Int(clamping: minute), remaining: Int(clamping: max(0, bucket.available(minute, now: now))),
                        reset: bucket.wait(for: minute, capacity: minute, now: now) ?? 60))
            }
            if let day { rates.append(.init(limit: day, remaining: max(0, day.adding(-used)), reset: Double(Period.nextDay(now) - now) / 1000)) }
            return rates.min { $0.remaining < $1.remaining }
        }
        return Rates(
            requests: tightest(limits.requestsPerMinute, requestBucket, limits.requestsPerDay, spending.requests.adding(requests)),
            tokens: tightest(limits.tokensPerMinute, tokenBucket, limits.tokensPerDay, spending.tokens.adding(tokens)))
    }

    /// What is used of `name`, requests under way included.
    func used(_ name: LimitName, limits: Limits, now: Int) -> Double {
        switch name {
        case .concurrentRequests: Double(requests)
        case .requestsPerMinute: limits.requestsPerMinute.map { Double($0) - requestBucket.available(Double($0), now: now) } ?? 0
        case .tokensPerMinute: limits.tokensPerMinute.map { Double($0) - tokenBucket.available(Double($0), now: now) } ?? 0
        case .requestsPerDay: Double(spending.requests) + Double(requests)
        case .tokensPerDay: Double(spending.tokens) + Double(tokens)
        case .costPerDay: spending.cost + cost
        case .costPerMonth: spending.monthCost + cost
        default: 0
        }
    }
}
