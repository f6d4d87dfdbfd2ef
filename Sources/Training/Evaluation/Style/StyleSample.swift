/// Texts of one origin, as far as their distance from the user's training replies goes.
struct StyleSample: Sendable {
    /// Texts that have words.
    let count: Int
    /// By feature: inner products of each pair's offsets from the training replies' mean, row by row.
    private let products: [StyleFeature: [Double]]
    private let weights: [StyleFeature: [Double]]

    init(_ texts: [StyleTokens], in space: StyleSpace, around centre: [StyleFeature: [Float]]) {
        var products: [StyleFeature: [Double]] = [:]
        var weights: [StyleFeature: [Double]] = [:]
        var count = 0
        for feature in StyleFeature.allCases {
            let points = texts.compactMap { space.point($0, feature) }
            let middle = centre[feature]!
            let offsets = points.map { point in zip(point.values, middle).map { $0 - $1 } }
            count = points.count
            weights[feature] = points.map(\.weight)
            products[feature] = offsets.flatMap { one in offsets.map { other in Double(zip(one, other).reduce(0) { $0 + $1.0 * $1.1 }) } }
        }
        self.products = products
        self.weights = weights
        self.count = count
    }

    /// The squared distance between the sample's mean and the training replies' mean, estimated over pairs of
    /// different texts. Within a pair the noise of short texts is independent and so cancels: unlike the
    /// distance of the means themselves it does not grow as texts get fewer or shorter (the unbiased MMD² with
    /// a linear kernel, Gretton et al. 2012). It may be negative by chance.
    /// - Parameter multiplicities: how often each text counts; nil for once each.
    /// - Returns: nil with fewer than two different texts.
    func squaredDistance(_ feature: StyleFeature, _ multiplicities: [Double]? = nil) -> Double? {
        let products = products[feature]!
        let weights = weights[feature]!
        var sum = 0.0
        var total = 0.0
        for row in 0..<count {
            let left = weights[row] * (multiplicities?[row] ?? 1)
            if left == 0 { continue }
            for column in 0..<row {
                let both = left * weights[column] * (multiplicities?[column] ?? 1)
                sum += both * products[row * count + column]
                total += both
            }
        }
        return total > 0 ? sum / total : nil
    }
}
