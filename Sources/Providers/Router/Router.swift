import Domain

/// Sends a request along the first route that answers.
///
/// The routes of a group are alternatives: a ``Spread`` chooses their order, and when one fails another
/// is asked at once. When all have failed they are asked again after a wait, as the ``RetryPolicy``
/// says; then, and for every failure that retrying cannot cure, comes the next group. All this happens
/// only before the first token has reached the caller: after it a failure is the reply's end, since a
/// second model cannot finish the first one's sentence.
///
/// Routes whose circuit is open are passed over, see ``RouterHealth``.
public struct Router: Sendable {
    public let registry: ProviderRegistry
    public let prices: PriceTable
    public let retry: RetryPolicy
    public let timeouts: Timeouts
    /// Shared by all routers that use the same keys and endpoints.
    public let health: RouterHealth

    public init(
        registry: ProviderRegistry, prices: PriceTable = .standard, retry: RetryPolicy = .standard, timeouts: Timeouts = .standard,
        health: RouterHealth = RouterHealth()
    ) {
        self.registry = registry
        self.prices = prices
        self.retry = retry
        self.timeouts = timeouts
        self.health = health
    }

    /// Starts the call at once.
    /// - Parameters:
    ///   - request: its `model` is replaced by each route's.
    ///   - spread: the order within a group.
    ///   - gate: may refuse each upstream call.
    ///   - onAttempt: called exactly once per upstream call when it has ended, also when it was cut
    ///     or cancelled, and for each that was not made after all; before ``RoutedStream/events`` ends.
    ///     Must not block.
    public func chat(
        _ request: ChatRequest, routes: [Route], spread: Spread = .weighted, gate: AttemptGate?,
        onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) -> RoutedStream {
        let log = AttemptLog(prices: prices, now: health.settings.now, report: onAttempt)
        let (events, buffer) = ChatEvent.stream()
        let walk = RouteWalk(
            router: self, request: request, routes: routes, spread: spread, gate: gate, log: log, isStreamed: request.stream)
        let task = Task {
            do {
                try await walk.run { provider, request, route, ticket in
                    try await pump(provider.chat(request, at: route.endpoint), route, ticket, log, isStreamed: request.stream, into: buffer)
                }
                buffer.finish()
            } catch {
                log.close()
                buffer.finish(throwing: error)
            }
        }
        buffer.onAbandon {
            // Synchronous, and before the consumer's loop ends: the attempt is on record by then.
            log.close()
            task.cancel()
        }
        return RoutedStream(events: events, log: log, task: task)
    }

    /// The whole reply, without a stream or a task of its own in between.
    /// - Throws: ``RouterError``; `CancellationError` where the calling task is cancelled.
    public func complete(
        _ request: ChatRequest, routes: [Route], spread: Spread = .weighted, gate: AttemptGate?,
        onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) async throws -> ChatReply {
        let log = AttemptLog(prices: prices, now: health.settings.now, report: onAttempt)
        var request = request
        request.stream = false
        let walk = RouteWalk(router: self, request: request, routes: routes, spread: spread, gate: gate, log: log, isStreamed: false)
        let events = try await withTaskCancellationHandler {
            do {
                return try await walk.run { provider, request, route, _ in
                    let events = try await provider.reply(request, at: route.endpoint)
                    log.add(events)
                    try Task.checkCancellation()
                    if case .failed(let error)? = events.last { throw error }
                    guard events.contains(where: \.isFinish) else { throw ProviderError.unfinished(route.provider) }
                    log.succeed()
                    return events
                }
            } catch {
                log.close()
                throw error
            }
        } onCancel: {
            // Synchronous: what the caller gave up is on record before anything else of it ends.
            log.close()
        }
        try Task.checkCancellation()
        var collector = ReplyCollector()
        for event in events { collector.add(event) }
        return collector.reply(attempts: log.attempts)
    }

    /// What arrives before the first token is held back: it is the caller's only if the attempt succeeds. So is the
    /// whole of a reply that was not to be streamed.
    private func pump(
        _ events: AsyncThrowingStream<ChatEvent, any Error>, _ route: Route, _ ticket: RouterHealth.Ticket, _ log: AttemptLog, isStreamed: Bool,
        into client: StreamBuffer<ChatEvent>
    ) async throws {
        var held: [ChatEvent] = []
        var reachedClient = false
        var finished = false
        do {
            for try await event in events {
                log.add(event)
                if case .failed(let error) = event { throw error }
                if event.isFinish { finished = true }
                if !reachedClient {
                    held.append(event)
                    guard event.isToken || finished else { continue }
                    health.answered(ticket)
                    guard isStreamed || finished else { continue }
                    reachedClient = true
                    if finished { break }
                    for event in held { client.send(event) }
                    held = []
                } else {
                    if finished { held = [event]; break }
                    await client.put(event)
                }
            }
            try Task.checkCancellation()
            guard finished else { throw ProviderError.unfinished(route.provider) }
        } catch {
            guard reachedClient, !(error is CancellationError), !Task.isCancelled else { throw error }
            throw RouteWalk.Broken(error: ProviderError(error, route))
        }
        // On record before the caller sees the end.
        log.succeed()
        for event in held { client.send(event) }
    }
}

extension ChatEvent {
    fileprivate var isFinish: Bool { if case .finish = self { true } else { false } }
}

extension ProviderError {
    fileprivate static func unfinished(_ provider: String) -> ProviderError {
        ProviderError(.cutStream, provider: provider, message: "the reply ended without a finish reason")
    }
}
