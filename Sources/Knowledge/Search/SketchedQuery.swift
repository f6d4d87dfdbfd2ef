import CVectorScan

/// A query in the space of sketches, its values rounded to 4 bits.
///
/// A row's product with the query is estimated from its signs; the error has a standard deviation that is
/// known for each row, as the fixed rotation makes what the signs do not tell point anywhere at random.
struct SketchedQuery: Sendable {
    /// Standard deviations that an estimate is allowed to be off. A row that belongs to the result is missed
    /// once in 30,000 times at most (the normal distribution's tail beyond 4 is 3 × 10⁻⁵), and only if its
    /// score is that of the last of the result; a better one would have to be off by more.
    static let deviations: Float = 4
    private static let planes = 4
    /// What the sketches' deviations reckon with for the rounding here (`ROUNDING` in sketch.c).
    private static let rounding: Float = 0.15

    private let bits: [UInt64]
    private let step: Float
    private let base: Float
    private let width: Float
    private let dimension: Int

    /// Nil where the space is none that a query can be turned into: its centre is damaged.
    init?(_ query: [Float], in space: SketchSpace) {
        dimension = space.dimension
        var turned = [Float](repeating: 0, count: dimension)
        var scratch = turned
        let offset = query.withUnsafeBufferPointer { space.turn($0.baseAddress!, into: &turned, scratch: &scratch) }
        // ⟨row, query⟩ = ⟨row − centre, query − centre⟩ + ⟨row − centre, centre⟩ + ⟨query, centre⟩
        let squares = space.centre.reduce(0) { $0 + $1 * $1 }
        base = offset + squares
        let largest = turned.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
        let step = largest / 15
        guard base.isFinite, turned.allSatisfy(\.isFinite), step > 0 else { return nil }
        let words = SketchRow.words(dimension)
        var bits = [UInt64](repeating: 0, count: Self.planes * words)
        var length: Float = 0
        var lost: Float = 0
        for (index, value) in turned.enumerated() {
            let rounded = min(15, max(0, Int(((value / step + 15) / 2).rounded())))
            let difference = value - step * Float(2 * rounded - 15)
            lost += difference * difference
            length += value * value
            for plane in 0..<Self.planes { bits[plane * words + index / 64] |= UInt64(rounded >> plane & 1) << UInt64(index % 64) }
        }
        self.step = step
        self.bits = bits
        // A query whose values are spread otherwise than a random one's loses more in rounding.
        width = Self.deviations * max(length.squareRoot(), lost.squareRoot() / Self.rounding)
    }

    /// What the scores of rows are at most.
    ///
    /// - Parameter first: the head of the first row.
    func highest(_ first: UnsafeRawPointer, stride: Int, count: Int, into result: UnsafeMutablePointer<Float>) {
        bits.withUnsafeBufferPointer { bits in
            var query = vector_sketch_query(
                planes: bits.baseAddress!, words: bits.count / Self.planes, full: Int32(15 * dimension), step: step, base: base, width: width)
            vector_scan_sketches(first, stride, count, &query, result)
        }
    }
}
