/// What a search returns and how it weighs its two halves.
public struct SearchOptions: Sendable, Codable, Equatable {
    /// Passages returned, at least 1.
    public var k: Int
    public var strategy: SearchStrategy
    /// Best chunks of each half that enter fusion; at least `k`.
    public var candidates: Int
    /// Constant of reciprocal rank fusion, at least 0. Larger values flatten the difference between
    /// ranks; 60 is the value of the paper (see `ReciprocalRankFusion`).
    public var rrfK: Double
    /// Weight of the dense half, at least 0.
    public var denseWeight: Double
    /// Weight of the lexical half, at least 0.
    public var lexicalWeight: Double

    public init(
        k: Int = 5, strategy: SearchStrategy = .hybrid, candidates: Int = 100, rrfK: Double = 60, denseWeight: Double = 1,
        lexicalWeight: Double = 1
    ) {
        self.k = k
        self.strategy = strategy
        self.candidates = candidates
        self.rrfK = rrfK
        self.denseWeight = denseWeight
        self.lexicalWeight = lexicalWeight
    }

    /// Every key may be left out.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let defaults = Self()
        k = try container.decodeIfPresent(Int.self, forKey: .k) ?? defaults.k
        strategy = try container.decodeIfPresent(SearchStrategy.self, forKey: .strategy) ?? defaults.strategy
        candidates = try container.decodeIfPresent(Int.self, forKey: .candidates) ?? defaults.candidates
        rrfK = try container.decodeIfPresent(Double.self, forKey: .rrfK) ?? defaults.rrfK
        denseWeight = try container.decodeIfPresent(Double.self, forKey: .denseWeight) ?? defaults.denseWeight
        lexicalWeight = try container.decodeIfPresent(Double.self, forKey: .lexicalWeight) ?? defaults.lexicalWeight
    }

    enum CodingKeys: String, CodingKey {
        case k
        case strategy
        case candidates
        case rrfK = "rrf_k"
        case denseWeight = "dense_weight"
        case lexicalWeight = "lexical_weight"
    }

    /// The options with every value in its range.
    var normalised: SearchOptions {
        var options = self
        options.k = max(1, k)
        options.candidates = max(options.k, candidates)
        options.rrfK = max(0, rrfK)
        options.denseWeight = max(0, denseWeight)
        options.lexicalWeight = max(0, lexicalWeight)
        return options
    }
}
