import Domain
import Foundation

/// One provider attempt, whatever became of it.
///
/// Its numbers are within bounds, wherever they come from: sums over them cannot overflow. A count or a cost out of bounds was not
/// told, which is what nil means.
public struct UsageRecord: Sendable, Encodable, Identifiable, Equatable {
    /// The largest count of tokens of one call.
    public static let maxTokens = TokenUsage.limit
    /// The highest cost of one call, in US dollars.
    public static let maxCost = 10_000_000_000.0
    /// ``outcome`` of a call that was under way when its process was killed: what it came to is an estimate.
    public static let interrupted = "interrupted"

    public var id: String
    public var minionID: String?
    public var answerID: String?
    /// The request it is one call of: the id of that request's first call. Absent in records of versions that did not write it.
    public var requestID: String?
    /// The stored provider key that was used.
    public var keyID: String?
    /// `draft`, `answer`, …
    public var purpose: String
    public var provider: String
    public var model: String
    public var at: Date
    public var inputTokens: Int?
    public var outputTokens: Int?
    /// Of the input: read from the vendor's cache, and written to it.
    public var cachedTokens: Int?
    public var cacheWriteTokens: Int?
    /// Of the output.
    public var reasoningTokens: Int?
    public var isEstimate: Bool
    /// US dollars; absent when the price is unknown, which is not 0.
    public var cost: Double?
    /// US dollars that a superuser's budget counts, where they are more than `cost`: the user's own price is below the known one.
    public var countedCost: Double?
    public var latencyMilliseconds: Double
    public var firstTokenMilliseconds: Double?
    public var outcome: String

    /// - Parameter id: nil makes a new one.
    public init(
        id: String? = nil, minionID: String?, answerID: String?, requestID: String? = nil, keyID: String? = nil, purpose: String, provider: String,
        model: String, at: Date, inputTokens: Int?, outputTokens: Int?, cachedTokens: Int?, cacheWriteTokens: Int? = nil, reasoningTokens: Int? = nil,
        isEstimate: Bool,
        cost: Double?, countedCost: Double? = nil, latencyMilliseconds: Double, firstTokenMilliseconds: Double?, outcome: String
    ) {
        self.id = id ?? RowID.make("use", at: at)
        self.minionID = minionID
        self.answerID = answerID
        self.requestID = requestID
        self.keyID = keyID
        self.purpose = purpose
        self.provider = provider
        self.model = model
        self.at = at
        self.inputTokens = Self.tokens(inputTokens)
        self.outputTokens = Self.tokens(outputTokens)
        self.cachedTokens = Self.tokens(cachedTokens)
        self.cacheWriteTokens = Self.tokens(cacheWriteTokens)
        self.reasoningTokens = Self.tokens(reasoningTokens)
        self.isEstimate = isEstimate
        self.cost = cost.flatMap { (0...Self.maxCost).contains($0) ? $0 : nil }
        self.countedCost = countedCost.flatMap { (0...Self.maxCost).contains($0) ? $0 : nil }
        self.latencyMilliseconds = Self.milliseconds(latencyMilliseconds) ?? 0
        self.firstTokenMilliseconds = firstTokenMilliseconds.flatMap(Self.milliseconds)
        self.outcome = outcome
    }

    /// - Throws: ``UnreadableRow`` where it is no time that there is.
    static func time(_ row: Row) throws -> Date {
        guard try (0...lastTime).contains(row.int("at")) else { throw row.unreadable("at", "is no time from 1970 to 9999") }
        return try row.date("at")
    }

    init(row: Row) throws {
        self.init(
            id: try row.text("id"), minionID: try row.optionalText("minion_id"), answerID: try row.optionalText("answer_id"),
            requestID: try row.optionalText("request_id"), keyID: try row.optionalText("key_id"), purpose: try row.text("purpose"),
            provider: try row.text("provider"),
            model: try row.text("model"), at: try Self.time(row), inputTokens: try row.optionalInt("input_tokens"),
            outputTokens: try row.optionalInt("output_tokens"), cachedTokens: try row.optionalInt("cached_tokens"),
            cacheWriteTokens: try row.optionalInt("cache_write_tokens"), reasoningTokens: try row.optionalInt("reasoning_tokens"),
            isEstimate: try row.bool("is_estimate"), cost: try row.optionalDouble("cost"),
            countedCost: try row.optionalDouble("counted_cost"), latencyMilliseconds: try row.double("latency_ms"),
            firstTokenMilliseconds: try row.optionalDouble("first_token_ms"), outcome: try row.text("outcome"))
    }

    /// What its request is told by: requests of before are told apart as well as those records can.
    public var request: String { requestID ?? answerID ?? id }

    /// Input and output together; 0 where they are not known.
    public var tokens: Int { (inputTokens ?? 0).adding(outputTokens ?? 0) }

    private static func tokens(_ count: Int?) -> Int? { count.flatMap { (0...maxTokens).contains($0) ? $0 : nil } }
    private static func milliseconds(_ value: Double) -> Double? { (0...1e12).contains(value) ? value : nil }
}

/// Sums over usage records.
public struct UsageSummary: Sendable, Encodable, Equatable {
    public var provider: String
    public var model: String
    public var requests: Int
    public var failures: Int
    public var inputTokens: Int
    public var outputTokens: Int
    /// Sum of the known costs.
    public var cost: Double
    /// Requests whose price is unknown and which `cost` therefore leaves out.
    public var unpricedRequests: Int
}
