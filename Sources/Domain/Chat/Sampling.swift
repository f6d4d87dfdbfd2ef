/// How a model words its reply; an absent value is not sent, so the vendor's default holds.
public struct Sampling: Sendable, Codable, Equatable {
    public var temperature: Double?
    public var topP: Double?
    /// Of the reply, in tokens.
    public var maxTokens: Int?
    /// Texts before which the reply ends; a request's own, minions have none.
    public var stop: [String]?
    public var seed: Int?

    enum CodingKeys: String, CodingKey {
        case temperature, stop, seed
        case topP = "top_p"
        case maxTokens = "max_tokens"
    }

    /// What each number may be, whichever way it comes in.
    public enum Bounds {
        public static let temperature = 0.0...2
        public static let topP = 0.0...1
        public static let maxTokens = 1...200_000
        public static let seed = 0...Int(Int32.max)
    }

    public init(temperature: Double? = nil, topP: Double? = nil, maxTokens: Int? = nil, stop: [String]? = nil, seed: Int? = nil) {
        self.temperature = temperature
        self.topP = topP
        self.maxTokens = maxTokens
        self.stop = stop
        self.seed = seed
    }

    public init(from decoder: any Decoder) throws {
        let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
        temperature = try fields.number(.temperature, Bounds.temperature)
        topP = try fields.number(.topP, Bounds.topP)
        maxTokens = try fields.number(.maxTokens, Bounds.maxTokens)
        stop = try fields.value(.stop)
        seed = try fields.number(.seed, Bounds.seed)
    }

    /// With what it leaves open as `defaults` have it, but for `stop`.
    package func over(_ defaults: Sampling) -> Sampling {
        Sampling(
            temperature: temperature ?? defaults.temperature, topP: topP ?? defaults.topP, maxTokens: maxTokens ?? defaults.maxTokens,
            stop: stop, seed: seed ?? defaults.seed)
    }
}
