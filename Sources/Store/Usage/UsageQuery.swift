import Foundation

/// What a usage report is asked for.
public struct UsageQuery: Sendable {
    /// What sums are made by.
    public enum Dimension: String, Sendable, CaseIterable, Codable {
        case day, user, minion, provider, model, key

        /// The column, or the days since 1970 at the offset in `$3`.
        var expression: String {
            switch self {
            // at and offset are milliseconds; times before 1970 do not occur.
            case .day: "(at + $3) / 86400000"
            case .user: "user_id"
            case .minion: "minion_id"
            case .provider: "provider"
            case .model: "model"
            case .key: "key_id"
            }
        }
    }

    /// The first instant that counts; absent for the beginning.
    public var from: Date?
    /// The first instant that does not count any more; absent for no end.
    public var to: Date?
    /// Without repetition; empty for one row over everything.
    public var groupBy: [Dimension]
    /// Where days begin, in seconds east of UTC.
    public var offset: Int

    public init(from: Date? = nil, to: Date? = nil, groupBy: [Dimension] = [], offset: Int = 0) {
        self.from = from
        self.to = to
        self.groupBy = groupBy
        self.offset = offset
    }

    /// Bounds as parameters: a missing one is one that every time is within.
    var bounds: (from: SQLValue, to: SQLValue) {
        (SQLValue(from ?? Date(timeIntervalSince1970: 0)), to.map { SQLValue($0) } ?? .integer(.max))
    }
}
