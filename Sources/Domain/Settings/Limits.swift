/// What somebody may use. An absent value sets no limit; 0 allows nothing. Of the defaults, an absent value is the built-in one
/// where there is one.
public struct Limits: Sendable, Codable, Equatable {
    /// What a budget does about a model whose price is unknown, which it cannot count.
    public enum Unpriced: String, Sendable, Codable, CaseIterable { case allow, refuse }

    /// Rates: token buckets that hold one minute's worth and refill steadily.
    public var requestsPerMinute: Int?
    public var tokensPerMinute: Int?
    /// Quotas of a UTC day. A request counts once, however many upstream calls it took.
    public var requestsPerDay: Int?
    public var tokensPerDay: Int?
    /// Budgets of a UTC day and a UTC month, in US dollars.
    public var costPerDay: Double?
    public var costPerMonth: Double?
    public var trainingJobsPerDay: Int?
    /// Datasets, adapters and collections together.
    public var storageBytes: Int?
    public var concurrentRequests: Int?
    /// Rows that are kept at once.
    public var minions: Int?
    public var datasets: Int?
    public var providerKeys: Int?
    public var providerDefinitions: Int?
    public var webhooks: Int?
    public var trainingJobs: Int?
    /// Streams of events that are open at once.
    public var eventStreams: Int?
    /// Absent is `allow`.
    public var unpriced: Unpriced?
    /// Of a user's limits: names of limits that the default does not set for this user.
    public var unlimited: [String]?

    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
        case requestsPerMinute = "requests_per_minute"
        case tokensPerMinute = "tokens_per_minute"
        case requestsPerDay = "requests_per_day"
        case tokensPerDay = "tokens_per_day"
        case costPerDay = "cost_per_day"
        case costPerMonth = "cost_per_month"
        case trainingJobsPerDay = "training_jobs_per_day"
        case storageBytes = "storage_bytes"
        case concurrentRequests = "concurrent_requests"
        case minions, datasets, webhooks
        case providerKeys = "provider_keys"
        case providerDefinitions = "provider_definitions"
        case trainingJobs = "training_jobs"
        case eventStreams = "event_streams"
        case unpriced, unlimited
    }

    public var isEmpty: Bool { self == Limits() }
}

/// Everything that limits one user, as it is set.
public struct LimitSettings: Sendable, Equatable {
    public var defaults = Limits()
    /// Set by a superuser; what it leaves open, the default sets.
    public var user = Limits()
    /// Set by the user for themselves.
    public var own = Limits()
    public var minions: [String: Limits] = [:]
    public var keys: [String: Limits] = [:]

    public init() {}
}
