/// Percentile bootstrap (Efron 1979): how far a figure would move had the examples been others.
///
/// A statistic is given how often each example was drawn instead of the drawn examples, so that what is
/// costly is computed once per example and not once per resample.
struct Bootstrap: Sendable {
    var resamples = 1000
    var seed: UInt64 = 7
    /// Share of the resamples inside the interval.
    var level = 0.95
    /// A statistic that is undefined in more than this share of the resamples has no interval.
    static let undefinedAtMost = 0.05

    /// - Parameters:
    ///   - counts: examples in each of the samples that are drawn from, each for itself.
    ///   - statistic: of the multiplicities of each sample's examples; nil where it is undefined.
    /// - Returns: nil with fewer than two examples in any sample.
    func interval(_ counts: [Int], _ statistic: ([[Double]]) -> Double?) -> ClosedRange<Double>? {
        guard !counts.isEmpty, counts.allSatisfy({ $0 >= 2 }), resamples > 0 else { return nil }
        var random = SeededRandom(seed: seed)
        var values: [Double] = []
        values.reserveCapacity(resamples)
        for _ in 0..<resamples {
            let drawn = counts.map { count in
                var weights = [Double](repeating: 0, count: count)
                for _ in 0..<count { weights[Int.random(in: 0..<count, using: &random)] += 1 }
                return weights
            }
            if let value = statistic(drawn), value.isFinite { values.append(value) }
        }
        guard Double(resamples - values.count) <= Self.undefinedAtMost * Double(resamples), !values.isEmpty else { return nil }
        values.sort()
        let tail = (1 - level) / 2
        return Self.quantile(values, tail)...Self.quantile(values, 1 - tail)
    }

    /// Of one sample.
    func interval(_ count: Int, _ statistic: ([Double]) -> Double?) -> ClosedRange<Double>? { interval([count]) { statistic($0[0]) } }

    /// Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996).
    /// - Parameter sorted: at least one value, ascending.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        let position = share * Double(sorted.count - 1)
        let below = Int(position.rounded(.down))
        let above = min(below + 1, sorted.count - 1)
        return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
    }
}
