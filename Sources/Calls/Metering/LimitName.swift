import Domain
import Store

/// What can be limited, by the name it has in settings, errors and metrics.
public enum LimitName: String, Sendable, Codable, CaseIterable {
    case concurrentRequests = "concurrent_requests"
    case requestsPerMinute = "requests_per_minute"
    case tokensPerMinute = "tokens_per_minute"
    case requestsPerDay = "requests_per_day"
    case tokensPerDay = "tokens_per_day"
    case costPerDay = "cost_per_day"
    case costPerMonth = "cost_per_month"
    case trainingJobsPerDay = "training_jobs_per_day"
    case storageBytes = "storage_bytes"
    case minions, datasets, webhooks
    case providerKeys = "provider_keys"
    case providerDefinitions = "provider_definitions"
    case trainingJobs = "training_jobs"
    case eventStreams = "event_streams"

    /// What holds where no superuser has set anything: no person meets it, a script that runs away does.
    public var standard: Double? {
        switch self {
        case .concurrentRequests: 256
        case .storageBytes: 100 * 1_073_741_824
        case .minions: 500
        case .datasets: 2000
        case .providerKeys: 200
        case .providerDefinitions: 100
        case .webhooks: 20
        case .trainingJobs: 10_000
        case .eventStreams: 64
        default: nil
        }
    }

    /// What is counted where it limits how many rows are kept.
    var rows: KeptRows? {
        switch self {
        case .minions: .minions
        case .datasets: .datasets
        case .providerKeys: .providerKeys
        case .providerDefinitions: .providerDefinitions
        case .webhooks: .webhooks
        case .trainingJobs: .trainingJobs
        default: nil
        }
    }

    /// Whether it is about a day's or a month's sum rather than about speed.
    public var isQuota: Bool {
        switch self {
        case .concurrentRequests, .requestsPerMinute, .tokensPerMinute, .eventStreams: false
        default: true
        }
    }

    /// Whether a limit on a minion or a key can have it.
    public func applies(to target: LimitTarget) -> Bool {
        switch (self, target) {
        case (.storageBytes, .minion), (.storageBytes, .key), (.trainingJobsPerDay, .key): false
        case (_, .minion) where rows != nil || self == .eventStreams: false
        case (_, .key) where rows != nil || self == .eventStreams: false
        default: true
        }
    }
}

extension Limits {
    public subscript(_ name: LimitName) -> Double? {
        get {
            switch name {
            case .concurrentRequests: concurrentRequests.map(Double.init)
            case .requestsPerMinute: requestsPerMinute.map(Double.init)
            case .tokensPerMinute: tokensPerMinute.map(Double.init)
            case .requestsPerDay: requestsPerDay.map(Double.init)
            case .tokensPerDay: tokensPerDay.map(Double.init)
            case .costPerDay: costPerDay
            case .costPerMonth: costPerMonth
            case .trainingJobsPerDay: trainingJobsPerDay.map(Double.init)
            case .storageBytes: storageBytes.map(Double.init)
            case .minions: minions.map(Double.init)
            case .datasets: datasets.map(Double.init)
            case .providerKeys: providerKeys.map(Double.init)
            case .providerDefinitions: providerDefinitions.map(Double.init)
            case .webhooks: webhooks.map(Double.init)
            case .trainingJobs: trainingJobs.map(Double.init)
            case .eventStreams: eventStreams.map(Double.init)
            }
        }
        set {
            switch name {
            case .concurrentRequests: concurrentRequests = newValue.map { Int(clamping: $0) }
            case .requestsPerMinute: requestsPerMinute = newValue.map { Int(clamping: $0) }
            case .tokensPerMinute: tokensPerMinute = newValue.map { Int(clamping: $0) }
            case .requestsPerDay: requestsPerDay = newValue.map { Int(clamping: $0) }
            case .tokensPerDay: tokensPerDay = newValue.map { Int(clamping: $0) }
            case .costPerDay: costPerDay = newValue
            case .costPerMonth: costPerMonth = newValue
            case .trainingJobsPerDay: trainingJobsPerDay = newValue.map { Int(clamping: $0) }
            case .storageBytes: storageBytes = newValue.map { Int(clamping: $0) }
            case .minions: minions = newValue.map { Int(clamping: $0) }
            case .datasets: datasets = newValue.map { Int(clamping: $0) }
            case .providerKeys: providerKeys = newValue.map { Int(clamping: $0) }
            case .providerDefinitions: providerDefinitions = newValue.map { Int(clamping: $0) }
            case .webhooks: webhooks = newValue.map { Int(clamping: $0) }
            case .trainingJobs: trainingJobs = newValue.map { Int(clamping: $0) }
            case .eventStreams: eventStreams = newValue.map { Int(clamping: $0) }
            }
        }
    }

    /// Whether the sums of the day or the month are needed to hold it.
    var needsSums: Bool { requestsPerDay != nil || tokensPerDay != nil || hasBudget }
    var hasBudget: Bool { costPerDay != nil || costPerMonth != nil }
    var refusesUnpriced: Bool { hasBudget && unpriced == .refuse }
}

extension LimitSettings {
    /// What holds for the user as a whole: the default where the superuser set nothing else for this
    /// user, and of that and the user's own the stricter.
    public var effective: Limits {
        var result = Limits()
        for name in LimitName.allCases {
            result[name] = [imposed(name), own[name]].compactMap { $0 }.min()
        }
        let policies = [user.unpriced ?? defaults.unpriced, own.unpriced]
        result.unpriced = policies.contains(.refuse) ? .refuse : policies.compactMap { $0 }.first
        return result
    }

    /// What superusers' settings and the built-in limits come to, whatever the user has set.
    public var inForce: Limits {
        var result = Limits()
        for name in LimitName.allCases { result[name] = imposed(name) }
        result.unpriced = user.unpriced ?? defaults.unpriced ?? .allow
        return result
    }

    /// The budgets that a superuser has set. They count calls at no less than the known price, see ``PriceBook``.
    var imposedBudgets: Limits {
        var result = Limits()
        for name in [LimitName.costPerDay, .costPerMonth] { result[name] = imposed(name) }
        result.unpriced = effective.unpriced
        return result
    }

    /// All else that holds for the user as a whole; of budgets the user's own.
    var exceptImposedBudgets: Limits {
        var result = effective
        for name in [LimitName.costPerDay, .costPerMonth] { result[name] = own[name] }
        return result
    }

    /// Who set ``imposedBudgets``.
    func imposedScope(_ name: LimitName) -> LimitExceeded.Scope { user[name] != nil ? .user : .default }

    private func imposed(_ name: LimitName) -> Double? {
        user[name] ?? (user.unlimited?.contains(name.rawValue) ?? false ? nil : defaults[name] ?? name.standard)
    }

    /// Which setting made ``effective`` what it is.
    func scope(of name: LimitName) -> LimitExceeded.Scope {
        let value = effective[name]
        return own[name] == value && value != nil || user[name] == value && value != nil ? .user : .default
    }
}
