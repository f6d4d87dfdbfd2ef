/// One place a request can be sent to.
public struct Route: Sendable {
    /// A provider's id.
    public var provider: String
    public var model: String
    public var endpoint: Endpoint
    /// Fields only this endpoint understands; they go over the request's own `extra`.
    public var extra: [String: JSONValue]

    public init(provider: String, model: String, endpoint: Endpoint, extra: [String: JSONValue] = [:]) {
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
