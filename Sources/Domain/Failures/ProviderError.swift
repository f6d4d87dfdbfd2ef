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
        /// The vendor ended the reply for a reason that is no end of a whole one.
        case abortedReply = "aborted_reply"
        case serverError = "server_error"
        case unsupported
        case noKey = "no_key"
        /// Not sent: the endpoint has failed too often in a row.
        case circuitOpen = "circuit_open"
        /// Not sent: the key has as many calls under way as it may have.
        case busy = "key_busy"
        /// Not sent: a budget is spent.
        case budget = "budget_exceeded"
    }

    public var kind: Kind
    public var provider: String
    public var status: Int?
    public var message: String
    /// Seconds to wait: what the vendor asked for, or until an open circuit is probed.
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
        case .rateLimited, .overloaded, .timeout, .connection, .cutStream, .malformedReply, .serverError, .circuitOpen, .busy: true
        // A reply that was aborted has been paid for, and would most likely end the same way.
        case .invalidRequest, .authentication, .billing, .permission, .notFound, .unsupported, .noKey, .budget, .abortedReply: false
        }
    }

    public var description: String {
        "\(provider): \(kind.rawValue)\(status.map { " (HTTP \($0))" } ?? ""): \(message)"
    }
}
