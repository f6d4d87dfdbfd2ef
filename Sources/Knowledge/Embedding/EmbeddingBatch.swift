/// Vectors of one `embed` call.
public struct EmbeddingBatch: Sendable {
    /// Number of vectors, one per text, in the order of the texts.
    public var count: Int
    /// Floats per vector.
    public var dimension: Int
    /// Row-major, `count * dimension` floats, every row L2-normalised.
    public var values: [Float]

    public init(count: Int, dimension: Int, values: [Float]) {
        self.count = count
        self.dimension = dimension
        self.values = values
    }

    /// Checks the shape and the norms, so that a wrong engine is caught where it answers and not
    /// later as a strange ranking.
    ///
    /// - Throws: `KnowledgeError.embedderInvalid`.
    func validate(count expected: Int, identity: EmbedderIdentity) throws {
        guard count == expected, dimension == identity.dimension, values.count == count * dimension else {
            throw KnowledgeError.embedderInvalid(
                reason: "\(identity.model) returned \(count) vectors of \(dimension) floats (\(values.count) values) "
                    + "for \(expected) texts; expected \(expected) of \(identity.dimension)")
        }
        for row in 0..<count {
            var squares: Float = 0
            for value in values[row * dimension..<(row + 1) * dimension] { squares += value * value }
            // Half-precision engines are a few thousandths off; NaN fails the comparison too.
            guard abs(squares.squareRoot() - 1) < 0.02 else {
                throw KnowledgeError.embedderInvalid(
                    reason: "\(identity.model) returned a vector of length \(squares.squareRoot()) where 1 is expected")
            }
        }
    }
}
