/// Lets a call to a route go ahead, or throws why it may not.
public typealias AttemptGate = @Sendable (_ route: Route) throws(ProviderError) -> Void

/// Sends a request along the first route that answers.
///
/// A route is retried as the ``RetryPolicy`` says; then, and for every failure that retrying cannot
/// cure, the next route is tried. All this happens only before the first token has reached the
/// caller: after it a failure is the reply's end, since a second model cannot finish the first
/// one's sentence.
public struct Router: Sendable {
    public let registry: ProviderRegistry
    public let prices: PriceTable
    public let retry: RetryPolicy

    public init(registry: ProviderRegistry, prices: PriceTable = .standard, retry: RetryPolicy = .standard) {
        self.registry = registry
        self.prices = prices
        self.retry = retry
    }

    /// Starts the call at once.
    /// - Parameters:
    ///   - request: its `model` is replaced by each route's.
    ///   - onAttempt: called exactly once per upstream call when it has ended, also when it was cut
    ///     or cancelled; before ``RoutedStream/events`` ends. Must not block.
    ///   - gate: called before each upstream call; throwing leaves the route out.
    public func chat(
        _ request: ChatRequest, routes: [Route], gate: AttemptGate? = nil, onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) -> RoutedStream {
        let log = AttemptLog(prices: prices, report: onAttempt)
        let (events, continuation) = AsyncThrowingStream.makeStream(of: ChatEvent.self)
        let task = Task {
            do {
                try await run(request, routes: routes, gate: gate, log: log, into: continuation)
                continuation.finish()
            } catch {
                log.close()
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { reason in
            guard case .cancelled = reason else { return }
            // Synchronous, and before the consumer's loop ends: the attempt is on record by then.
            log.close()
            task.cancel()
        }
        return RoutedStream(events: events, log: log, task: task)
    }

    /// The whole reply.
    /// - Throws: ``RouterError``; `CancellationError` where the calling task is cancelled.
    public func complete(
        _ request: ChatRequest, routes: [Route], gate: AttemptGate? = nil, onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) async throws -> ChatReply {
        let stream = chat(request, routes: routes, gate: gate, onAttempt: onAttempt)
        var collector = ReplyCollector()
        for try await event in stream.events { collector.add(event) }
        try Task.checkCancellation()
        return collector.reply(attempts: stream.attempts)
    }

    private typealias Client = AsyncThrowingStream<ChatEvent, any Error>.Continuation

    private func run(_ request: ChatRequest, routes: [Route], gate: AttemptGate?, log: AttemptLog, into client: Client) async throws {
        var firstRouteErrors: [ProviderError] = []
        for (position, route) in routes.enumerated() {
            let hasFallback = position < routes.count - 1
            var retries = 0
            while true {
                let result = try await attempt(route.apply(to: request), route, gate: gate, log: log, into: client)
                guard case .failed(let error, let reachedClient) = result else { return }
                if reachedClient { throw RouterError(attempts: log.attempts, last: error) }
                if position == 0 { firstRouteErrors.append(error) }
                retries += 1
                guard let wait = retry.wait(after: error, retry: retries, hasFallback: hasFallback) else { break }
                try await retry.sleep(wait)
            }
        }
        let none = ProviderError(.invalidRequest, provider: "router", message: "there is no model to ask: the list of routes is empty")
        throw RouterError(attempts: log.attempts, last: RouterError.mostTelling(firstRouteErrors) ?? none)
    }

    private enum Result {
        case answered
        case failed(ProviderError, reachedClient: Bool)
    }

    /// One upstream call. What arrives before the first token is held back: it is the caller's only
    /// if the attempt succeeds.
    private func attempt(_ request: ChatRequest, _ route: Route, gate: AttemptGate?, log: AttemptLog, into client: Client) async throws -> Result {
        guard log.begin(route, request) else { throw CancellationError() }
        do { try gate?(route) } catch {
            log.refuse(error)
            return .failed(error, reachedClient: false)
        }
        var held: [ChatEvent] = []
        var reachedClient = false
        var finished = false
        do {
            guard let provider = registry[route.provider] else {
                throw ProviderError(.unsupported, provider: route.provider, message: "there is no provider called \(route.provider)")
            }
            for try await event in provider.chat(request, at: route.endpoint) {
                log.add(event)
                if case .finish = event { finished = true }
                if !reachedClient {
                    held.append(event)
                    guard event.isToken || finished else { continue }
                    reachedClient = true
                    if finished { break }
                    for event in held { client.yield(event) }
                    held = []
                } else {
                    if finished { held = [event]; break }
                    client.yield(event)
                }
            }
            try Task.checkCancellation()
            guard finished else {
                throw ProviderError(.cutStream, provider: route.provider, message: "the reply ended without a finish reason")
            }
            // On record before the caller sees the end.
            log.succeed()
            for event in held { client.yield(event) }
            return .answered
        } catch {
            if error is CancellationError || Task.isCancelled { throw CancellationError() }
            let error =
                error as? ProviderError
                ?? ProviderError(.serverError, provider: route.provider, message: Redaction.redact("\(error)", key: route.endpoint.key))
            log.fail(error)
            return .failed(error, reachedClient: reachedClient)
        }
    }
}
