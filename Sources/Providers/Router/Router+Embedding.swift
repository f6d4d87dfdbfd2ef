import Domain

extension Router {
    /// Vectors along the first route that gives them: with the same keys, retries and fallbacks as a chat.
    ///
    /// - Parameters:
    ///   - request: its `model` is replaced by each route's.
    ///   - onAttempt: called exactly once per upstream call when it has ended, however it ended.
    /// - Throws: ``RouterError``; `CancellationError` where the calling task is cancelled.
    public func embed(
        _ request: EmbedRequest, routes: [Route], spread: Spread = .weighted, gate: AttemptGate? = nil,
        onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) async throws -> EmbedReply {
        let log = AttemptLog(prices: prices, now: health.settings.now, report: onAttempt)
        // To the walk it is a chat whose reply has no words: what goes in is estimated the same way where a
        // vendor does not count it.
        let texts = ChatRequest(model: request.model, messages: request.texts.map { ChatMessage(.user, $0) }, stream: false)
        let walk = RouteWalk(router: self, request: texts, routes: routes, spread: spread, gate: gate, log: log, isStreamed: false)
        return try await withTaskCancellationHandler {
            do {
                return try await walk.run { provider, _, route, _ in
                    var request = request
                    request.model = route.model
                    let reply = try await provider.embed(request, at: route.endpoint)
                    if let usage = reply.usage { log.add(.usage(usage)) }
                    try Task.checkCancellation()
                    log.succeed()
                    return reply
                }
            } catch {
                log.close()
                throw error
            }
        } onCancel: {
            log.close()
        }
    }
}
