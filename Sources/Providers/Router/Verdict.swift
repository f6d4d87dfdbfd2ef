import Domain

/// What a call's end says about the key and the endpoint it used.
enum Verdict: Sendable, Equatable {
    case success
    /// Counts towards opening the circuit.
    case failure
    /// The key is to be spared for so many seconds, where the vendor said how many.
    case rateLimited(Double?)
    /// The key is refused: the endpoint works, this key does not.
    case keyRefused
    /// The request is refused, which says nothing about key or endpoint.
    case requestRefused
    /// Nothing was sent, or the caller left.
    case abandoned

    /// The longest that a key rests at a vendor's wish, in seconds: ten minutes. The limit may be that of one of its models alone.
    static let longestRest = 600.0

    init(_ error: ProviderError) {
        self =
            switch error.kind {
            case .serverError, .connection, .timeout, .cutStream, .malformedReply, .overloaded: .failure
            case .rateLimited: .rateLimited(error.retryAfter.flatMap { $0 > 0 ? min($0, Self.longestRest) : nil })
            case .authentication, .billing: .keyRefused
            // Without a status it was refused here, before it was sent.
            case .permission: error.status == nil ? .abandoned : .keyRefused
            case .invalidRequest, .notFound: error.status == nil ? .abandoned : .requestRefused
            // A filter or the model's own slip: the endpoint did answer.
            case .abortedReply: .requestRefused
            case .unsupported, .noKey, .circuitOpen, .busy, .budget: .abandoned
            }
    }
}
