/// Token counts as the vendor reports them. `input` includes cached and cache-writing tokens.
public struct TokenUsage: Sendable, Codable, Equatable {
    /// The largest count of one call that is believed: hundreds of the largest contexts there are.
    public static let limit = 1_000_000_000
    /// In place of counts that no call can have: whoever meters the call counts for itself.
    package static let unbelievable = TokenUsage(input: 0, output: 0, isEstimate: true)

    public var input: Int
    public var output: Int
    public var cachedInput: Int
    public var cacheWrite: Int
    public var reasoning: Int
    /// True where we counted, because the vendor said nothing, or nothing that can be believed.
    public var isEstimate: Bool

    public init(input: Int, output: Int, cachedInput: Int = 0, cacheWrite: Int = 0, reasoning: Int = 0, isEstimate: Bool = false) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
        self.cacheWrite = cacheWrite
        self.reasoning = reasoning
        self.isEstimate = isEstimate
    }

    /// Reads counts that were kept. One out of bounds is taken for 0, and the whole for an estimate.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        var isEstimate = try fields.decode(Bool.self, forKey: .isEstimate)
        func count(_ key: CodingKeys) throws -> Int {
            let count = try fields.decode(Int.self, forKey: key)
            guard !(0...Self.limit).contains(count) else { return count }
            isEstimate = true
            return 0
        }
        input = try count(.input)
        output = try count(.output)
        cachedInput = try count(.cachedInput)
        cacheWrite = try count(.cacheWrite)
        reasoning = try count(.reasoning)
        self.isEstimate = isEstimate
    }
}

extension TokenUsage {
    /// The sum of both, an estimate where either is. Saturates.
    public static func + (left: TokenUsage, right: TokenUsage) -> TokenUsage {
        TokenUsage(
            input: sum(left.input, right.input), output: sum(left.output, right.output), cachedInput: sum(left.cachedInput, right.cachedInput),
            cacheWrite: sum(left.cacheWrite, right.cacheWrite), reasoning: sum(left.reasoning, right.reasoning),
            isEstimate: left.isEstimate || right.isEstimate)
    }

    public static func += (left: inout TokenUsage, right: TokenUsage) { left = left + right }

    /// Input and output together. Saturates.
    public var total: Int { Self.sum(input, output) }

    private static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, overflows) = left.addingReportingOverflow(right)
        return overflows ? .max : sum
    }
}
