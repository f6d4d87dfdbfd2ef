/// One place a request can be sent to.
public struct Route: Sendable {
    /// A provider's id.
    public var provider: String
    public var model: String
    public var endpoint: Endpoint
    /// Fields only this endpoint understands; they go over the request's own `extra`.
    public var extra: [String: JSONValue]
    /// The stored key's id, where the route has one.
    public var keyID: String?
    /// Goes before the price table's.
    public var price: Price?

    public init(
        provider: String, model: String, endpoint: Endpoint, extra: [String: JSONValue] = [:], keyID: String? = nil, price: Price? = nil
    ) {
        self.keyID = keyID
        self.price = price
        self.provider = provider
        self.model = model
        self.endpoint = endpoint
        self.extra = extra
    }

    /// `request` as it goes along this route.
    func apply(to request: ChatRequest) -> ChatRequest {
        var request = request
        request.model = model
        request.extra.merge(extra) { $1 }
        return request
    }
}
