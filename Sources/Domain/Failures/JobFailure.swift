/// Why a job ended without a release: which step, which cause, what to do.
public struct JobFailure: Error, Sendable, Codable, Equatable {
    public var step: String
    public var code: String
    public var message: String
    public var hint: String?
    /// Whether the same job may succeed later without anybody changing it: a process that died, a neighbour that took the memory, a
    /// vendor that was not there. Whoever declares the cause says so; it is used once, when the job ends, and not kept.
    public let isTransient: Bool

    enum CodingKeys: CodingKey { case step, code, message, hint }

    /// A cause that jobs themselves have.
    public init(step: String, code: Code, message: String, hint: String? = nil) {
        self.init(step: step, code: code.rawValue, isTransient: code.isTransient, message: message, hint: hint)
    }

    /// A cause of another kind of error, which has a code and says of itself whether it may pass.
    public init(step: String, code: String, isTransient: Bool, message: String, hint: String? = nil) {
        self.step = step
        self.code = code
        self.isTransient = isTransient
        self.message = message
        self.hint = hint
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            step: try fields.decode(String.self, forKey: .step), code: try fields.decode(String.self, forKey: .code), isTransient: false,
            message: try fields.decode(String.self, forKey: .message), hint: try fields.decodeIfPresent(String.self, forKey: .hint))
    }

    /// The causes that jobs themselves have.
    public enum Code: String, Sendable, CaseIterable {
        case databaseUnavailable = "database_unavailable"
        case datasetInvalid = "dataset_invalid"
        case datasetMissing = "dataset_missing"
        case diskFull = "disk_full"
        case `internal`
        case limitExceeded = "limit_exceeded"
        case noDocuments = "no_documents"
        case paraphraseFailed = "paraphrase_failed"
        case priceUnknown = "price_unknown"
        case providerRateLimited = "provider_rate_limited"
        case providerRefused = "provider_refused"
        case providerUnavailable = "provider_unavailable"
        case restyleBudgetMissing = "restyle_budget_missing"
        case restyleBudgetSpent = "restyle_budget_spent"
        case restylePairsUnusable = "restyle_pairs_unusable"
        case rowUnreadable = "row_unreadable"
        case tooFewExamples = "too_few_examples"
        case workersLost = "workers_lost"

        public var isTransient: Bool {
            switch self {
            case .databaseUnavailable, .diskFull, .providerRateLimited, .providerUnavailable: true
            default: false
            }
        }
    }
}
