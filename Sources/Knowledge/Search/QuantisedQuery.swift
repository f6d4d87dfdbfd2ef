/// A query rounded to 16-bit values, so that its products with bytes add up in 32 bits.
struct QuantisedQuery: Sendable {
    var values: [Int16]
    /// query ≈ scale × value.
    var scale: Float
    /// Length of what rounding took away.
    var error: Float
    /// Length of the query.
    var norm: Float

    init(_ query: [Float]) {
        // |Σ byte × value| ≤ 127 × largest × dimension has to stay below 2^31.
        let limit = Float(min(8191, 16_000_000 / max(1, query.count)))
        let largest = query.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
        let scale = largest / limit
        self.scale = scale
        values = query.map { Int16(($0 / scale).rounded()) }
        var lost: Float = 0
        var squares: Float = 0
        for (value, rounded) in zip(query, values) {
            let difference = value - Float(rounded) * scale
            lost += difference * difference
            squares += value * value
        }
        error = lost.squareRoot()
        norm = squares.squareRoot()
    }
}
