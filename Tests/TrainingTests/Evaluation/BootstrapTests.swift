import Testing

@testable import Training

@Suite struct BootstrapTests {
    private func mean(_ values: [Double]) -> ([Double]) -> Double? {
        { weights in zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +) }
    }

    /// For a mean the interval is that of the normal distribution: ± 1.96 σ / √n.
    @Test func anIntervalOfAMeanIsAsWideAsTheorySays() throws {
        var random = SeededRandom(seed: 3)
        let values = (0..<100).map { _ in Double.random(in: 0..<1, using: &random) }
        let interval = try #require(Bootstrap(resamples: 4000).interval(values.count, mean(values)))
        let average = values.reduce(0, +) / 100
        let deviation = (values.reduce(0) { $0 + ($1 - average) * ($1 - average) } / 100).squareRoot()
        let half = 1.96 * deviation / 10
        #expect(abs(interval.lowerBound - (average - half)) < 0.2 * half)
        #expect(abs(interval.upperBound - (average + half)) < 0.2 * half)
    }

    @Test func moreExamplesMakeItNarrowerAndALowerLevelToo() throws {
        let few = (0..<10).map { Double($0 % 2) }
        let many = (0..<200).map { Double($0 % 2) }
        func width(_ values: [Double], _ bootstrap: Bootstrap) -> Double {
            bootstrap.interval(values.count, mean(values)).map { $0.upperBound - $0.lowerBound } ?? 0
        }
        #expect(width(many, Bootstrap()) < width(few, Bootstrap()) / 2)
        #expect(width(few, Bootstrap(level: 0.5)) < width(few, Bootstrap()))
    }

    @Test func oneExampleHasNoInterval() {
        #expect(Bootstrap().interval(1, mean([1])) == nil)
        #expect(Bootstrap().interval([5, 1]) { _ in 1 } == nil)
    }

    @Test func whatIsUndefinedTooOftenHasNoInterval() {
        #expect(Bootstrap().interval(4) { $0[0] == 0 ? nil : 1 } == nil)
    }

    @Test func quantilesLieBetweenOrderStatistics() {
        #expect(Bootstrap.quantile([1, 2, 3, 4], 0.5) == 2.5)
        #expect(Bootstrap.quantile([1, 2, 3, 4, 5], 0.95) == 4.8)
        #expect(Bootstrap.quantile([7], 0.95) == 7)
    }
}
