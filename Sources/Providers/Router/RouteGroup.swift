import Domain

/// The routes of one group as one call goes through them: each is asked once, then, after waits, those
/// that may have recovered. Pure.
struct RouteGroup {
    struct Member {
        let index: Int
        let route: Route
        let key: HealthKey
        /// Calls made along this route.
        var calls = 0
        /// To be called as soon as possible.
        var isDue = true
        var error: ProviderError?
        var failedAt: ContinuousClock.Instant?
    }

    /// First choice first.
    var members: [Member]
    /// Whether another group can be asked.
    let hasFallback: Bool
    private(set) var errors: [ProviderError] = []
    private var waits = 0
    private var lastCalled: Int?

    init(_ members: [Member], hasFallback: Bool) {
        self.members = members
        self.hasFallback = hasFallback
    }

    mutating func call(_ member: Int) {
        members[member].calls += 1
        members[member].isDue = false
        members[member].error = nil
        lastCalled = member
    }

    /// The call has failed, and may be repeated where that can help.
    mutating func fail(_ member: Int, _ error: ProviderError, at now: ContinuousClock.Instant) {
        errors.append(error)
        members[member].isDue = false
        members[member].error = error
        members[member].failedAt = now
        guard error.kind == .invalidRequest || error.kind == .unsupported else { return }
        // What is wrong with the request is wrong with every key.
        let failed = members[member].route
        for other in members.indices where members[other].route.isTwin(of: failed) { members[other].isDue = false }
    }

    /// The route is not asked any more.
    mutating func giveUp(_ member: Int, _ error: ProviderError) {
        errors.append(error)
        members[member].isDue = false
        members[member].error = nil
    }

    /// After how long which member is to be called again; `nil` when none is. The wait is counted.
    /// - Parameter heeded: waits of the request for a vendor's sake.
    mutating func nextWait(_ retry: RetryPolicy, now: ContinuousClock.Instant, heeded: inout Int) -> Duration? {
        var soonest: (member: Int, wait: Duration)?
        for (index, member) in members.enumerated() {
            guard let error = member.error else { continue }
            guard var wait = retry.wait(after: error, retry: waits + 1, hasFallback: hasFallback, heeded: heeded) else {
                members[index].error = nil
                continue
            }
            // While others were asked, part of the wait has passed.
            if index != lastCalled, let failedAt = member.failedAt { wait = max(.zero, wait - (now - failedAt)) }
            if soonest.map({ wait < $0.wait }) ?? true { soonest = (index, wait) }
        }
        guard let soonest else { return nil }
        waits += 1
        if members[soonest.member].error?.asksToWait ?? false { heeded += 1 }
        members[soonest.member].isDue = true
        return soonest.wait
    }
}

extension Route {
    /// Whether only the key differs.
    fileprivate func isTwin(of other: Route) -> Bool {
        provider == other.provider && model == other.model && endpoint.baseURL == other.endpoint.baseURL && extra == other.extra
    }
}
