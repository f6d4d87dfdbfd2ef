/// No route answered, or one broke off after its first token.
public struct RouterError: Error, Sendable, CustomStringConvertible {
    /// Every call that was made, in order.
    public var attempts: [Attempt]
    /// The error to show: the break that ended a reply, else the first route's most telling one.
    public var last: ProviderError

    public init(attempts: [Attempt], last: ProviderError) {
        self.attempts = attempts
        self.last = last
    }

    public var description: String {
        attempts.count > 1 ? "\(last) (after \(attempts.count) attempts)" : last.description
    }

    /// The error that says most about what to do; of equals the later.
    static func mostTelling(_ errors: [ProviderError]) -> ProviderError? {
        errors.enumerated().max { (rank($0.element.kind), $0.offset) < (rank($1.element.kind), $1.offset) }?.element
    }

    private static func rank(_ kind: ProviderError.Kind) -> Int {
        switch kind {
        case .noKey, .authentication, .billing, .permission, .notFound: 4
        case .invalidRequest, .unsupported: 3
        case .rateLimited, .overloaded, .budget: 2
        case .serverError, .timeout, .malformedReply, .cutStream: 1
        case .connection: 0
        }
    }
}
