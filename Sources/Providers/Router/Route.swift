import Domain

/// One place a request can be sent to.
public struct Route: Sendable {
    /// A provider's id.
    public var provider: String
    public var model: String
    public var endpoint: Endpoint
    /// Fields only this endpoint understands; they go over the request's own `extra`.
    public var extra: [String: JSONValue]
    /// The stored key the endpoint has, by id; never the key itself.
    public var keyID: String?
    /// Share of the requests among the routes of the same group.
    public var weight: Double
    /// Routes of one group are alternatives to spread over; the groups in order are fallbacks.
    public var group: Int
    /// Most requests under way along this route at any time.
    public var maxConcurrent: Int?
    /// What the route's tokens cost, in place of the price table.
    public var price: Price?
    /// Where what answers here is shared: waits for a place right before each call. What it returns is called when the
    /// call has ended. It may throw ``ProviderError``, and the next route is tried.
    public var enter: (@Sendable () async throws -> @Sendable () -> Void)?

    public init(
        provider: String, model: String, endpoint: Endpoint, extra: [String: JSONValue] = [:], keyID: String? = nil, weight: Double = 1,
        group: Int = 0, maxConcurrent: Int? = nil, price: Price? = nil
    ) {
        self.provider = provider
        self.model = model
        self.endpoint = endpoint
        self.extra = extra
        self.keyID = keyID
        self.weight = weight
        self.group = group
        self.maxConcurrent = maxConcurrent
        self.price = price
    }

    /// `request` as it goes along this route.
    func apply(to request: ChatRequest) -> ChatRequest {
        var request = request
        request.model = model
        request.extra.merge(extra) { $1 }
        return request
    }
}
