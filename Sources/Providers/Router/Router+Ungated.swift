import Domain

extension Router {
    /// Without a gate; so that a trailing closure is the one for attempts.
    public func chat(
        _ request: ChatRequest, routes: [Route], spread: Spread = .weighted, onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) -> RoutedStream {
        chat(request, routes: routes, spread: spread, gate: nil, onAttempt: onAttempt)
    }

    /// Without a gate.
    public func complete(
        _ request: ChatRequest, routes: [Route], spread: Spread = .weighted, onAttempt: (@Sendable (Attempt) -> Void)? = nil
    ) async throws -> ChatReply {
        try await complete(request, routes: routes, spread: spread, gate: nil, onAttempt: onAttempt)
    }
}
