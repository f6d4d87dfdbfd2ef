/// What a provider's reply is made of, in the order it arrives.
public enum ChatEvent: Sendable, Equatable {
    /// The model that answered, as the vendor names it.
    case model(String)
    case text(String)
    case reasoning(String)
    /// A piece of a tool call; `id` and `name` come with the first piece of an index.
    case toolCall(index: Int, id: String?, name: String?, arguments: String)
    /// Totals so far; a later one replaces an earlier one.
    case usage(TokenUsage)
    case finish(FinishReason)
    /// In place of ``finish(_:)``: the vendor has ended the reply itself, and says that it is not whole.
    case failed(ProviderError)
}

/// Why a reply that is whole ended. What ended for any other reason has ``ChatEvent/failed(_:)``.
public enum FinishReason: String, Sendable, Codable, Equatable {
    case stop, length, toolCalls = "tool_calls", contentFilter = "content_filter"
    /// The vendor marked the reply's end and gave no reason.
    case other
}

/// Token counts as the vendor reports them. `input` includes cached and cache-writing tokens.
public struct TokenUsage: Sendable, Codable, Equatable {
    /// The largest count of one call that is believed: hundreds of the largest contexts there are.
    public static let limit = 1_000_000_000
    /// In place of counts that no call can have: whoever meters the call counts for itself.
    static let unbelievable = TokenUsage(input: 0, output: 0, isEstimate: true)

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

extension JSONValue {
    /// A vendor's count of tokens; `nil` where it is absent or null.
    /// - Throws: ``ImpossibleCount`` for what no call can have used: a negative count, one beyond ``TokenUsage/limit``, half a
    ///   token, a text.
    func tokenCount(_ name: String) throws(ImpossibleCount) -> Int? {
        guard let value = self[name], !value.isNull else { return nil }
        guard let count = value.intValue, (0...TokenUsage.limit).contains(count) else { throw ImpossibleCount() }
        return count
    }
}

/// A vendor's count that cannot be true. It counts as not said.
struct ImpossibleCount: Error {}

extension ChatEvent {
    /// A stream of events in which what is not read yet is at most about 128 KiB.
    static func stream() -> (stream: AsyncThrowingStream<ChatEvent, any Error>, buffer: StreamBuffer<ChatEvent>) {
        StreamBuffer.make(limit: 128 << 10) { 64 + $0.length }
    }

    /// Bytes of the text it carries.
    public var length: Int {
        switch self {
        case .text(let text), .reasoning(let text), .model(let text): text.utf8.count
        case .toolCall(_, let id, let name, let arguments): (id?.utf8.count ?? 0) + (name?.utf8.count ?? 0) + arguments.utf8.count
        case .usage, .finish, .failed: 0
        }
    }

    /// Whether the client sees something of the model's own: text, reasoning or a tool call.
    public var isToken: Bool {
        switch self {
        case .text(let text), .reasoning(let text): !text.isEmpty
        case .toolCall: true
        case .model, .usage, .finish, .failed: false
        }
    }
    /// Whether it ends a reply that is not whole.
    var isFailure: Bool { if case .failed = self { true } else { false } }
}
