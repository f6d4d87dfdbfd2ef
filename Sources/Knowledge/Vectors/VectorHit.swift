/// An entry that was found.
public struct VectorHit: Sendable, Equatable {
    public var id: String
    /// Cosine similarity, −1 to 1.
    public var score: Double

    public init(id: String, score: Double) {
        self.id = id
        self.score = score
    }
}
