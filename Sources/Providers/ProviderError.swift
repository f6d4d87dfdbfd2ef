/// Why an upstream call failed. `message` is the vendor's own words with secrets taken out.
public struct ProviderError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable, Codable {
        case invalidRequest = "invalid_request"
        case authentication
        case billing
        case permission
        case notFound = "not_found"
        case rateLimited = "rate_limited"
        case overloaded
        case timeout
        case connection
        case cutStream = "cut_stream"
        case malformedReply = "malformed_reply"
        case serverError = "server_error"
        case unsupported
        case noKey = "no_key"
        /// Our own refusal: the key is beyond its limits.
        case budget = "budget_exceeded"
    }

    public var kind: Kind
    public var provider: String
    public var status: Int?
    public var message: String
    /// Seconds the vendor asked us to wait, where it did.
    public var retryAfter: Double?
    /// The vendor's request id, for its support desk.
    public var requestID: String?

    public init(_ kind: Kind, provider: String, status: Int? = nil, message: String, retryAfter: Double? = nil, requestID: String? = nil) {
        self.kind = kind
        self.provider = provider
        self.status = status
        self.message = message
        self.retryAfter = retryAfter
        self.requestID = requestID
    }

    /// Whether the same call may succeed a little later.
    public var isRetryable: Bool {
        switch kind {
        case .rateLimited, .overloaded, .timeout, .connection, .cutStream, .malformedReply, .serverError: true
        case .invalidRequest, .authentication, .billing, .permission, .notFound, .unsupported, .noKey, .budget: false
        }
    }

    public var description: String {
        "\(provider): \(kind.rawValue)\(status.map { " (HTTP \($0))" } ?? ""): \(message)"
    }
}
