import Foundation

/// A request that would pass a limit.
public struct LimitExceeded: Error, Sendable, CustomStringConvertible {
    public enum Scope: String, Sendable, Codable { case user, minion, key, `default` }

    public var scope: Scope
    public var what: LimitName
    public var limit: Double
    /// What is used or reserved by requests under way, without this one.
    public var used: Double
    /// What this request would add.
    public var asked: Double
    /// Seconds after which the same request may pass; nil where waiting alone does not help.
    public var retryAfter: Double? = nil
    /// When a quota or a budget begins anew.
    public var resetsAt: Date? = nil
    /// Whether the request was refused because its price is unknown.
    public var isUnpriced = false
    public var headers: [(String, String)] = []

    public var description: String {
        let whose = scope == .default ? "the default for users" : "this \(scope.rawValue)"
        if isUnpriced { return "the model's price is unknown, and the budget of \(whose) (\(what.rawValue)) refuses what it cannot count" }
        return "\(what.rawValue) of \(whose) is \(Self.text(limit)): \(Self.text(used)) used or reserved, \(Self.text(asked)) more asked for"
    }

    static func text(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(format: "%.6g", value)
    }
}
