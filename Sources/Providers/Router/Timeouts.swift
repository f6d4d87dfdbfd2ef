/// How long a call may take where its endpoint does not say otherwise.
public struct Timeouts: Sendable, Equatable {
    /// Until the first token of a streamed reply.
    public var firstToken: Duration
    /// For the whole call.
    public var total: Duration

    public init(firstToken: Duration = .seconds(60), total: Duration = .seconds(600)) {
        self.firstToken = firstToken
        self.total = total
    }

    /// What an ``Endpoint`` has when nobody sets it.
    public static let standard = Timeouts()

    /// These times where the endpoint keeps the standard ones; a time of its own is left alone.
    func apply(to endpoint: inout Endpoint) {
        if endpoint.firstTokenTimeout == Self.standard.firstToken { endpoint.firstTokenTimeout = firstToken }
        if endpoint.totalTimeout == Self.standard.total { endpoint.totalTimeout = total }
    }
}
