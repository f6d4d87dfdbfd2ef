import Domain
import Foundation

/// One upstream call, however it ended: what a usage record is made of. A call that was not made after
/// all, because its circuit was open or its budget spent, is one too, with ``wasSent`` false.
public struct Attempt: Sendable, Codable, Equatable {
    /// ``outcome`` of a call that finished.
    public static let ok = "ok"
    /// ``outcome`` of a call that the caller gave up.
    public static let cancelled = "cancelled"

    public var provider: String
    public var model: String
    public var startedAt: Date
    /// ``ok``, ``cancelled`` or the raw value of a ``ProviderError/Kind``.
    public var outcome: String
    /// The HTTP status of a failed call, where there was one.
    public var status: Int?
    /// Why it failed, without secrets.
    public var message: String?
    /// What the vendor counted; where it said nothing but must have worked, an estimate marked as
    /// one. Absent where the vendor refused before doing anything.
    public var usage: TokenUsage?
    /// US dollars for `usage`; absent where there is no usage or the price is unknown.
    public var cost: Double?
    /// From sending to the end.
    public var milliseconds: Double
    /// From sending to the first text, reasoning or tool call; absent where none came.
    public var firstTokenMilliseconds: Double?
    /// The stored key that was used, by id.
    public var keyID: String?
    /// Which of the given routes, from 0.
    public var route: Int
    /// 0 for the first call along this route, 1 for its first repetition.
    public var retry: Int
    /// Names of request fields that this provider did not receive.
    public var dropped: [String]
    /// False where nothing was sent: such an attempt belongs in a trace, not in a bill.
    public var wasSent: Bool

    public init(
        provider: String, model: String, startedAt: Date, outcome: String, status: Int? = nil, message: String? = nil, usage: TokenUsage? = nil,
        cost: Double? = nil, milliseconds: Double, firstTokenMilliseconds: Double? = nil, keyID: String? = nil, route: Int = 0, retry: Int = 0,
        dropped: [String] = [], wasSent: Bool = true
    ) {
        self.provider = provider
        self.model = model
        self.startedAt = startedAt
        self.outcome = outcome
        self.status = status
        self.message = message
        self.usage = usage
        self.cost = cost
        self.milliseconds = milliseconds
        self.firstTokenMilliseconds = firstTokenMilliseconds
        self.keyID = keyID
        self.route = route
        self.retry = retry
        self.dropped = dropped
        self.wasSent = wasSent
    }
}
