/// Which model made a set of vectors. Part of every collection version, because vectors of two
/// models cannot be compared even when their dimensions agree.
public struct EmbedderIdentity: Sendable, Codable, Hashable {
    /// The model's name, for example `bge-small-en-v1.5`.
    public var model: String
    /// Floats per vector.
    public var dimension: Int
    /// Longest input in tokens, special tokens included; what lies beyond is not seen by the model.
    public var maxTokens: Int

    public init(model: String, dimension: Int, maxTokens: Int) {
        self.model = model
        self.dimension = dimension
        self.maxTokens = maxTokens
    }

    enum CodingKeys: String, CodingKey {
        case model
        case dimension
        case maxTokens = "max_tokens"
    }

    /// Whether vectors of the two may be compared. The input limit changes what a vector has seen,
    /// not what space it lives in.
    func isComparable(with other: EmbedderIdentity) -> Bool {
        model == other.model && dimension == other.dimension
    }
}
