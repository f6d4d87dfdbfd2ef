import Domain

/// Asked right before each upstream call. Throwing keeps the call from being made: the attempt is
/// recorded as not sent, with the error's kind, and the next route is tried. Must not block.
public typealias AttemptGate = @Sendable (_ route: Route) throws(ProviderError) -> Void
