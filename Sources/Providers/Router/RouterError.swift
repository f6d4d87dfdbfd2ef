import Domain

/// No route answered, or one broke off after its first token.
public struct RouterError: Error, Sendable, CustomStringConvertible {
    /// Every call that was made, in order.
    public var attempts: [Attempt]
    /// The error to show: the break that ended a reply, else the most telling one of the first routes
    /// that could be asked; where every circuit is open, the one to be probed soonest.
    public var last: ProviderError

    public init(attempts: [Attempt], last: ProviderError) {
        self.attempts = attempts
        self.last = last
    }

    public var description: String {
        attempts.count > 1 ? "\(last) (after \(attempts.count) attempts)" : last.description
    }

    /// - Parameter groups: the errors of each group of routes, in order.
    static func last(_ groups: [[ProviderError]]) -> ProviderError? {
        for errors in groups {
            guard var error = mostTelling(errors), error.kind != .circuitOpen else { continue }
            // One key of several is enough to come back for.
            error.retryAfter = errors.lazy.filter { $0.kind == error.kind }.compactMap(\.retryAfter).min()
            return error
        }
        return groups.joined().min { ($0.retryAfter ?? .infinity) < ($1.retryAfter ?? .infinity) }
    }

    /// The error that says most about what to do; of equals the later.
    static func mostTelling(_ errors: [ProviderError]) -> ProviderError? {
        errors.enumerated().max { (rank($0.element.kind), $0.offset) < (rank($1.element.kind), $1.offset) }?.element
    }

    private static func rank(_ kind: ProviderError.Kind) -> Int {
        switch kind {
        case .noKey, .authentication, .billing, .permission, .notFound, .budget: 5
        case .invalidRequest, .unsupported: 4
        case .rateLimited, .overloaded, .busy: 3
        case .serverError, .timeout, .malformedReply, .cutStream, .abortedReply: 2
        case .connection: 1
        case .circuitOpen: 0
        }
    }
}
