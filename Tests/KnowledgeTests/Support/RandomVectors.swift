import Knowledge
import TestSupport

/// Vectors in clusters, as those of texts are.
struct RandomVectors {
    var random: SeededGenerator
    let dimension: Int

    init(_ dimension: Int, seed: UInt64) {
        self.dimension = dimension
        random = SeededGenerator(seed: seed)
    }

    mutating func one() -> [Float] { Self.normalised((0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }) }

    mutating func many(_ count: Int, clusters: Int = 20, spread: Float = 0.3) -> [[Float]] {
        let centres = (0..<clusters).map { _ in one() }
        return (0..<count).map { row in
            let noise = one()
            // Every tenth is its cluster's centre itself, so that equal scores occur.
            return Self.normalised(zip(centres[row % clusters], noise).map { $0 + (row % 10 == 0 ? 0 : spread) * $1 })
        }
    }

    static func normalised(_ values: [Float]) -> [Float] {
        let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { $0 / norm }
    }
}
