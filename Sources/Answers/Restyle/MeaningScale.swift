/// Cosines of matched and of mismatched texts: where meaning is kept and where there is none.
package struct MeaningScale: Sendable, Equatable {
    /// Mean cosine of a paraphrase and another example's reply.
    package var floor: Double
    /// Mean cosine of a paraphrase and its own reply.
    package var ceiling: Double
    /// Cosine of each pair.
    package var cosines: [Double]
    /// What 95 of 100 mismatched pairs lie below: a paraphrase that is no closer to its own reply says nothing of it.
    package var chance: Double

    /// - Parameters:
    ///   - plain, own: unit vectors, row-major, `count` × `dimension`; row i of both is one pair.
    package init(plain: [Float], own: [Float], dimension: Int) {
        let count = dimension > 0 ? plain.count / dimension : 0
        func cosine(_ a: Int, _ b: Int) -> Double {
            (0..<dimension).reduce(0) { $0 + Double(plain[a * dimension + $1]) * Double(own[b * dimension + $1]) }
        }
        cosines = (0..<count).map { cosine($0, $0) }
        // A few strangers for each are as good as all, and linear.
        let strides = [1, 2, 3, 5, 7].filter { $0 < count }
        let mismatched = strides.flatMap { stride in (0..<count).map { cosine($0, ($0 + stride) % count) } }.sorted()
        floor = mismatched.isEmpty ? 0 : mismatched.reduce(0, +) / Double(mismatched.count)
        ceiling = cosines.isEmpty ? 0 : cosines.reduce(0, +) / Double(count)
        chance = mismatched.isEmpty ? 0 : mismatched[min(mismatched.count - 1, mismatched.count * 95 / 100)]
    }
}
