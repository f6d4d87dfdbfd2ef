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

    /// Whether it is about a day's or a month's sum rather than about speed.
    public var isQuota: Bool {
        switch self {
        case .concurrentRequests, .requestsPerMinute, .tokensPerMinute: false
        case .requestsPerDay, .tokensPerDay, .costPerDay, .costPerMonth, .trainingJobsPerDay, .storageBytes: true
        }
    }

    /// Whether a limit on a minion or a key can have it.
    public func applies(to target: LimitTarget) -> Bool {
        switch (self, target) {
        case (.storageBytes, .minion), (.storageBytes, .key), (.trainingJobsPerDay, .key): false
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
            let lifted = user.unlimited?.contains(name.rawValue) ?? false
            let imposed = user[name] ?? (lifted ? nil : defaults[name])
            result[name] = [imposed, own[name]].compactMap { $0 }.min()
        }
        let policies = [user.unpriced ?? defaults.unpriced, own.unpriced]
        result.unpriced = policies.contains(.refuse) ? .refuse : policies.compactMap { $0 }.first
        return result
    }

    /// Which setting made ``effective`` what it is.
    func scope(of name: LimitName) -> LimitExceeded.Scope {
        let value = effective[name]
        return own[name] == value && value != nil || user[name] == value && value != nil ? .user : .default
    }
}
