/// How long examples are, in estimated tokens.
public struct TokenHistogram: Sendable, Codable, Equatable {
    /// Examples of at most `upTo` tokens and more than the bucket before.
    public struct Bucket: Sendable, Codable, Equatable {
        /// Nil in the last one, which has no bound.
        public var upTo: Int?
        public var examples: Int

        enum CodingKeys: String, CodingKey {
            case upTo = "up_to"
            case examples
        }
    }
    /// Bounds double from 32 to 65,536; buckets behind the longest example are left out.
    public var buckets: [Bucket] = []
    public var total = 0
    public var longest = 0
    /// Half, and 95 of 100, of the examples have at most so many.
    public var median = 0
    public var p95 = 0
    /// Examples over the limit that was set.
    public var overLong = 0

    public init() {}

    enum CodingKeys: String, CodingKey {
        case buckets, total, longest, median, p95
        case overLong = "over_long"
    }
}

/// Counts exactly up to 65,536 tokens; longer examples are one class.
struct TokenCounts {
    private static let classes = 1 << 16
    private var counts = [Int32](repeating: 0, count: TokenCounts.classes + 1)
    private var total = 0
    private var longest = 0
    private var examples = 0

    mutating func add(_ tokens: Int) {
        counts[min(tokens, Self.classes)] += 1
        total += tokens
        longest = max(longest, tokens)
        examples += 1
    }

    func histogram(overLong: Int) -> TokenHistogram {
        var result = TokenHistogram()
        result.total = total
        result.longest = longest
        result.median = quantile(0.5)
        result.p95 = quantile(0.95)
        result.overLong = overLong
        var low = 0
        var bound = 32
        while low <= min(longest, Self.classes), examples > 0 {
            let isLast = bound > Self.classes
            let high = isLast ? Self.classes : bound - (bound == Self.classes ? 1 : 0)
            let count = counts[low...high].reduce(0) { $0 + Int($1) }
            result.buckets.append(.init(upTo: isLast ? nil : high, examples: count))
            low = high + 1
            bound *= 2
        }
        return result
    }

    private func quantile(_ share: Double) -> Int {
        guard examples > 0 else { return 0 }
        let rank = max(1, Int((Double(examples) * share).rounded(.up)))
        var seen = 0
        for (tokens, count) in counts.enumerated() {
            seen += Int(count)
            if seen >= rank { return tokens == Self.classes ? longest : tokens }
        }
        return longest
    }
}
