import Domain

/// One request's way along its routes, until one answers.
struct RouteWalk {
    /// The reply broke off after its first token had reached the caller.
    struct Broken: Error { let error: ProviderError }

    /// A call that may be made now.
    struct Turn {
        let member: Int
        let ticket: RouterHealth.Ticket
    }

    let router: Router
    let request: ChatRequest
    let routes: [Route]
    let spread: Spread
    let gate: AttemptGate?
    let log: AttemptLog
    let isStreamed: Bool

    private var health: RouterHealth { router.health }

    /// - Parameter call: makes one upstream call and ends it in the log where it succeeds. Throws ``Broken``
    ///   where no other route may follow; any other error lets the next route be tried.
    /// - Throws: ``RouterError``, `CancellationError`.
    func run<Reply>(_ call: (any Provider, ChatRequest, Route, RouterHealth.Ticket) async throws -> Reply) async throws -> Reply {
        var groups = split()
        var errors: [[ProviderError]] = []
        var spared: [Int] = []
        var heeded = 0
        var position = 0
        while position < groups.count {
            // What is spared has asked for a rest itself: it is nobody to turn to before a short wait.
            let isLast = position == groups.count - 1
            var group = makeGroup(groups[position], sparing: position < groups.count - 1, hasFallback: !isLast, &spared)
            while let turn = try await next(&group, &heeded) {
                if let reply = try await attempt(turn, in: &group, call) { return reply }
            }
            errors.append(group.errors)
            position += 1
            // What was spared is better than nothing.
            if position == groups.count, !spared.isEmpty {
                groups.append(spared)
                spared = []
            }
        }
        let none = ProviderError(.invalidRequest, provider: "router", message: "there is no model to ask: the list of routes is empty")
        throw RouterError(attempts: log.attempts, last: RouterError.last(errors) ?? none)
    }

    /// Indices of the routes, by group. A route that stands there twice is asked where it comes first, and only there.
    private func split() -> [[Int]] {
        if routes.count == 1 { return [[0]] }
        var groups: [[Int]] = []
        var places: Set<Place> = []
        for index in routes.indices.sorted(by: { (routes[$0].group, $0) < (routes[$1].group, $1) }) {
            guard places.insert(Place(key: HealthKey(routes[index]), model: routes[index].model)).inserted else { continue }
            if let last = groups.last?.last, routes[last].group == routes[index].group {
                groups[groups.count - 1].append(index)
            } else {
                groups.append([index])
            }
        }
        return groups
    }

    /// Whom a route asks: one model with one key at one address.
    private struct Place: Hashable {
        let key: HealthKey
        let model: String
    }

    /// - Parameter sparing: whether routes whose key must rest for longer than anybody waits are put off.
    private func makeGroup(_ indices: [Int], sparing: Bool, hasFallback: Bool, _ spared: inout [Int]) -> RouteGroup {
        var members: [RouteGroup.Member] = []
        var candidates: [Spread.Candidate] = []
        for index in indices {
            var route = routes[index]
            router.timeouts.apply(to: &route.endpoint)
            let member = RouteGroup.Member(index: index, route: route, key: HealthKey(route))
            if indices.count > 1 || sparing {
                let (candidate, cools) = health.candidate(route, member.key, pace(route))
                if sparing, cools > router.retry.patience {
                    spared.append(index)
                    continue
                }
                candidates.append(candidate)
            }
            members.append(member)
        }
        if members.count > 1 { members = spread.order(candidates, random: router.retry.random).map { members[$0] } }
        return RouteGroup(members, hasFallback: hasFallback)
    }

    private func pace(_ route: Route) -> KeyHealth.Pace { .init(model: route.model, isStreamed: isStreamed) }

    /// Finds the next route that can be asked, waiting where need be; `nil` when the group is exhausted.
    private func next(_ group: inout RouteGroup, _ heeded: inout Int) async throws -> Turn? {
        while true {
            var busy: [Int] = []
            for member in group.members.indices where group.members[member].isDue {
                switch health.admit(group.members[member].key, limit: group.members[member].route.maxConcurrent) {
                case .admitted(let ticket): return Turn(member: member, ticket: ticket)
                case .open(let retryAfter): giveUp(member, in: &group, open(group.members[member].route, retryAfter))
                case .busy: busy.append(member)
                }
            }
            if !busy.isEmpty {
                switch await health.wait(for: busy.map { (group.members[$0].key, group.members[$0].route.maxConcurrent) }) {
                case .admitted(let index, let ticket): return Turn(member: busy[index], ticket: ticket)
                case .open(let index, let retryAfter):
                    giveUp(busy[index], in: &group, open(group.members[busy[index]].route, retryAfter))
                case .timedOut: for member in busy { giveUp(member, in: &group, full(group.members[member].route)) }
                case .cancelled: throw CancellationError()
                }
                continue
            }
            guard let wait = group.nextWait(router.retry, now: health.settings.now(), heeded: &heeded) else { return nil }
            try await router.retry.sleep(wait)
        }
    }

    private func giveUp(_ member: Int, in group: inout RouteGroup, _ error: ProviderError) {
        let skipped = group.members[member]
        log.skip(.init(route: skipped.route, index: skipped.index, retry: skipped.calls), error)
        group.giveUp(member, error)
    }

    private func open(_ route: Route, _ seconds: Double) -> ProviderError {
        ProviderError(
            .circuitOpen, provider: route.provider,
            message: "\(route.provider) is out of service here after repeated failures; it is tried again in \(Int(seconds.rounded(.up))) s",
            retryAfter: seconds)
    }

    private func full(_ route: Route) -> ProviderError {
        ProviderError(
            .busy, provider: route.provider,
            message: "the key has \(route.maxConcurrent ?? 0) calls under way, as many as it may have, and none ended in time", retryAfter: 1)
    }

    /// One upstream call; `nil` where it failed and another may follow.
    private func attempt<Reply>(
        _ turn: Turn, in group: inout RouteGroup, _ call: (any Provider, ChatRequest, Route, RouterHealth.Ticket) async throws -> Reply
    ) async throws -> Reply? {
        let member = group.members[turn.member]
        let route = member.route
        var start = health.settings.now()
        func leave(_ verdict: Verdict) {
            let milliseconds = verdict == .success ? log.lastFirstToken ?? (health.settings.now() - start).milliseconds : nil
            health.leave(turn.ticket, verdict, milliseconds: milliseconds, pace(route))
        }
        var plan = AttemptLog.Plan(route: route, index: member.index, retry: member.calls)
        do { try gate?(route) } catch {
            leave(.abandoned)
            log.skip(plan, error)
            group.giveUp(turn.member, error)
            return nil
        }
        var leavePlace: (@Sendable () -> Void)?
        defer { leavePlace?() }
        if let enter = route.enter {
            do { leavePlace = try await enter() } catch {
                leave(.abandoned)
                if error is CancellationError || Task.isCancelled { throw CancellationError() }
                let error = ProviderError(error, route)
                log.skip(plan, error)
                group.giveUp(turn.member, error)
                return nil
            }
            start = health.settings.now()
        }
        let request = route.apply(to: request)
        let provider = router.registry[route.provider]
        plan.dropped = provider?.dropped(request) ?? []
        guard log.begin(plan, request) else {
            leave(.abandoned)
            throw CancellationError()
        }
        group.call(turn.member)
        do {
            guard let provider else {
                throw ProviderError(.unsupported, provider: route.provider, message: "there is no provider called \(route.provider)")
            }
            let reply = try await call(provider, request, route, turn.ticket)
            leave(.success)
            return reply
        } catch {
            if error is CancellationError || Task.isCancelled {
                leave(.abandoned)
                throw CancellationError()
            }
            let broken = error as? Broken
            let error = broken?.error ?? ProviderError(error, route)
            log.fail(error)
            leave(Verdict(error))
            if broken != nil { throw RouterError(attempts: log.attempts, last: error) }
            group.fail(turn.member, error, at: health.settings.now())
            return nil
        }
    }
}

extension ProviderError {
    /// Whatever a provider threw.
    init(_ error: any Error, _ route: Route) {
        self =
            error as? ProviderError
            ?? ProviderError(.serverError, provider: route.provider, message: Redaction.redact("\(error)", key: route.endpoint.key))
    }
}
