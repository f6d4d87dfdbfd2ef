import Answers

/// Scores texts by how near their style is to the user's: 0 is the distance of other authors, 1 that of the
/// user's own unseen replies. Each feature is set on that scale by itself,
///
///     (others' squared distance − the texts') / (others' − own unseen replies'),
///
/// and the score is their weighted mean. Nothing is clamped: below 0 is further away than other authors are.
struct StyleScorer: Sendable {
    /// Fewer cannot tell the user's style from chance.
    static let ownAtLeast = 8
    static let heldOutAtLeast = 2
    static let featuresAtLeast = 2
    /// A feature counts where other authors are so many standard deviations of the user's own replies away.
    static let gapAtLeast = 1.0
    /// No feature has more of the score than this.
    static let weightAtMost = 0.4

    private let space: StyleSpace
    private let centre: [StyleFeature: [Float]]
    private let own: StyleSample
    /// By feature: the user's own unseen replies' squared distance, and that of other authors.
    private let scale: [StyleFeature: (ceiling: Double, floor: Double)]
    /// By feature, sum 1. A feature weighs by how surely it tells other authors from the user: the gap
    /// between both in standard deviations of the user's own replies.
    let weights: [StyleFeature: Double]

    /// - Parameters:
    ///   - training: the user's replies the adapter learned from.
    ///   - heldOut: the user's replies it never saw.
    ///   - others: texts of other authors, a list an author. Each author counts the same.
    init(training: [String], heldOut: [String], others: [[String]]) throws(StyleUndefined) {
        let training = training.map(StyleTokens.init).filter { !$0.words.isEmpty }
        let heldOut = heldOut.map(StyleTokens.init).filter { !$0.words.isEmpty }
        guard training.count >= Self.ownAtLeast else {
            throw StyleUndefined(reason: "\(training.count) training replies; at least \(Self.ownAtLeast) are needed")
        }
        guard heldOut.count >= Self.heldOutAtLeast else {
            throw StyleUndefined(reason: "\(heldOut.count) held-out replies; at least \(Self.heldOutAtLeast) are needed")
        }
        // Bundled English says nothing about how others write in another language.
        let isEnglish = FunctionWords.share(training) >= 0.25
        let groups = others.map { $0.map(StyleTokens.init).filter { !$0.words.isEmpty } }
            .filter { $0.count >= 2 && (FunctionWords.share($0) >= 0.25) == isEnglish }
        guard !groups.isEmpty else { throw StyleUndefined(reason: "no texts of other authors in the language of the replies") }

        let space = StyleSpace(fitting: training + groups.flatMap { $0 }, own: training)
        var centre: [StyleFeature: [Float]] = [:]
        for feature in StyleFeature.allCases { centre[feature] = Self.mean(training.compactMap { space.point($0, feature) }) }
        self.space = space
        self.centre = centre
        own = StyleSample(heldOut, in: space, around: centre)
        let others = groups.map { StyleSample($0, in: space, around: centre) }

        let around = StyleSample(Array(training.prefix(200)), in: space, around: centre)
        var raw: [StyleFeature: Double] = [:]
        var scale: [StyleFeature: (ceiling: Double, floor: Double)] = [:]
        for feature in StyleFeature.allCases {
            guard let ceiling = own.squaredDistance(feature), let floor = Self.mean(others, feature), floor > ceiling else { continue }
            let noise = Self.noise(of: around, feature, size: min(heldOut.count, training.count / 2))
            let gap = (floor - ceiling) / noise
            guard gap >= Self.gapAtLeast, gap.isFinite else { continue }
            raw[feature] = gap
            scale[feature] = (ceiling, floor)
        }
        guard raw.count >= Self.featuresAtLeast else {
            throw StyleUndefined(reason: "the user's replies differ from other authors' in \(raw.count) of \(StyleFeature.allCases.count) features")
        }
        weights = Self.capped(raw)
        self.scale = scale
    }

    /// The score of texts, and of each feature by itself.
    func score(_ texts: [String]) -> StyleScore? {
        let sample = sample(texts)
        guard let value = value(sample) else { return nil }
        let features = weights.keys.reduce(into: [String: Double]()) { $0[$1.rawValue] = single($1, sample, nil, nil) }
        return StyleScore(value: value, features: features, texts: sample.count)
    }

    /// Where the score would be with other texts and other held-out replies: both are drawn again. The other
    /// authors are what the scale is made of, and stay.
    func interval(_ texts: [String], _ bootstrap: Bootstrap) -> ClosedRange<Double>? {
        let sample = sample(texts)
        return bootstrap.interval([sample.count, own.count]) { value(sample, $0[0], own: $0[1]) }
    }

    /// (final − base) / (draft − base): what of the draft's gain in style the final answers keep.
    /// - Parameters: texts to the same questions, in the same order.
    /// - Returns: nil where the draft does not surely gain anything: there is nothing to keep, and a share of next to nothing
    ///   says nothing.
    func retention(
        final: [String], draft: [String], base: [String], _ bootstrap: Bootstrap
    ) -> (value: Double, interval: ClosedRange<Double>?, texts: Int)? {
        let places = final.indices.filter { place in
            [final, draft, base].allSatisfy { $0.indices.contains(place) && !StyleTokens($0[place]).words.isEmpty }
        }
        let samples = [final, draft, base].map { texts in sample(places.map { texts[$0] }) }
        func ratio(_ drawn: [Double]?) -> Double? {
            let scores = samples.compactMap { value($0, drawn) }
            guard scores.count == 3, scores[1] > scores[2] else { return nil }
            return (scores[0] - scores[2]) / (scores[1] - scores[2])
        }
        let gain = bootstrap.interval(places.count) { drawn in
            guard let draft = value(samples[1], drawn), let base = value(samples[2], drawn) else { return nil }
            return draft - base
        }
        guard let gain, gain.lowerBound > 0, let value = ratio(nil) else { return nil }
        return (value, bootstrap.interval(places.count) { ratio($0) }, places.count)
    }

    private func sample(_ texts: [String]) -> StyleSample { StyleSample(texts.map(StyleTokens.init), in: space, around: centre) }

    private func value(_ sample: StyleSample, _ drawn: [Double]? = nil, own ownDrawn: [Double]? = nil) -> Double? {
        var sum = 0.0
        // In a fixed order: the same texts have the same score to the last bit.
        for feature in StyleFeature.allCases {
            guard let weight = weights[feature] else { continue }
            guard let single = single(feature, sample, drawn, ownDrawn) else { return nil }
            sum += weight * single
        }
        return sum
    }

    private func single(_ feature: StyleFeature, _ sample: StyleSample, _ drawn: [Double]?, _ ownDrawn: [Double]?) -> Double? {
        guard let scale = scale[feature], let distance = sample.squaredDistance(feature, drawn),
            let ceiling = ownDrawn == nil ? scale.ceiling : own.squaredDistance(feature, ownDrawn)
        else { return nil }
        // The width of the scale is kept: dividing by one that chance has drawn narrow would make a far interval of a near score.
        return 1 - (distance - ceiling) / (scale.floor - scale.ceiling)
    }

    private static func mean(_ samples: [StyleSample], _ feature: StyleFeature) -> Double? {
        let distances = samples.compactMap { $0.squaredDistance(feature) }
        return distances.isEmpty ? nil : distances.reduce(0, +) / Double(distances.count)
    }

    private static func mean(_ points: [StyleSpace.Point]) -> [Float] {
        let total = points.reduce(0) { $0 + $1.weight }
        var sum = [Double](repeating: 0, count: points.first?.values.count ?? 0)
        for point in points { for (index, value) in point.values.enumerated() { sum[index] += Double(value) * point.weight } }
        return sum.map { Float($0 / max(total, 1)) }
    }

    /// Standard deviation of the distance of so many of the user's own replies, over 200 draws.
    private static func noise(of training: StyleSample, _ feature: StyleFeature, size: Int) -> Double {
        var random = SeededRandom(seed: 1)
        let distances = (0..<200).compactMap { _ -> Double? in
            var chosen = [Double](repeating: 0, count: training.count)
            for place in Array(0..<training.count).shuffled(using: &random).prefix(max(2, size)) { chosen[place] = 1 }
            return training.squaredDistance(feature, chosen)
        }
        let mean = distances.reduce(0, +) / Double(max(1, distances.count))
        return (distances.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, distances.count))).squareRoot()
    }

    /// Shares that sum to 1, none above the cap; what is cut goes to the others in their proportion.
    private static func capped(_ raw: [StyleFeature: Double]) -> [StyleFeature: Double] {
        let cap = max(weightAtMost, 1 / Double(raw.count))
        var fixed: Set<StyleFeature> = []
        while true {
            let free = raw.filter { !fixed.contains($0.key) }
            // In a fixed order, see above.
            let total = StyleFeature.allCases.reduce(0) { $0 + (free[$1] ?? 0) }
            let left = 1 - cap * Double(fixed.count)
            let over = free.filter { $0.value / total * left > cap }
            if over.isEmpty {
                return raw.reduce(into: [:]) { $0[$1.key] = fixed.contains($1.key) ? cap : $1.value / total * left }
            }
            fixed.formUnion(over.keys)
            if fixed.count == raw.count { return raw.mapValues { _ in 1 / Double(raw.count) } }
        }
    }
}
