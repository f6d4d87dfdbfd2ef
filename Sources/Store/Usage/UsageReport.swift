import Foundation

/// Sums over usage records, one row for each group that has any.
public struct UsageReport: Sendable, Encodable {
    /// Most rows of one report.
    public static let limit = 10_000
    /// Most unreadable records that one report names.
    static let unreadableLimit = 100

    public var groupBy: [UsageQuery.Dimension]
    public var rows: [UsageRow]
    /// True where there are more groups than ``limit``; give a shorter time or fewer dimensions.
    public var isTruncated: Bool
    /// Records without a time that can be read, ``unreadableLimit`` at most: of no day, and in no sum. Absent where there is none.
    public var unreadable: [UnreadableRow]?
}

/// One group's sums.
public struct UsageRow: Sendable, Encodable, Equatable {
    /// `YYYY-MM-DD` in the offset asked for.
    public var day: String?
    public var userID: String?
    public var minionID: String?
    public var provider: String?
    public var model: String?
    public var keyID: String?

    /// Upstream calls, whatever became of them.
    public var requests: Int
    /// Calls that ended neither well nor by the caller's own leaving.
    public var failures: Int
    /// Calls the caller gave up.
    public var cancelled: Int
    /// Answers from the response cache, for which nobody was called.
    public var cacheHits: Int
    /// `failures` by `requests`; absent without requests.
    public var errorRate: Double?
    public var inputTokens: Int
    public var outputTokens: Int
    /// Part of the input.
    public var cachedTokens: Int
    public var cacheWriteTokens: Int
    /// Part of the output.
    public var reasoningTokens: Int
    /// Calls whose tokens are, at least in part, our estimate.
    public var estimatedRequests: Int
    /// US dollars: the sum of the known costs.
    public var cost: Double
    /// Calls that used tokens of unknown price, which `cost` leaves out.
    public var unpricedRequests: Int
    /// Of the calls that ended well.
    public var latencyMilliseconds: Percentiles?
    /// Of the calls that ended well and had a first token.
    public var firstTokenMilliseconds: Percentiles?

    /// By nearest rank: the smallest value that at least that many of 100 values do not exceed. Always a
    /// value that occurred.
    public struct Percentiles: Sendable, Encodable, Equatable {
        public var p50: Double
        public var p95: Double
        public var p99: Double

        public init(p50: Double, p95: Double, p99: Double) {
            self.p50 = p50
            self.p95 = p95
            self.p99 = p99
        }
    }
}
