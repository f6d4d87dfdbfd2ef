/// How near to the user's style some texts are; see ``StyleScorer``.
struct StyleScore: Sendable, Equatable {
    var value: Double
    /// By ``StyleFeature``, on the same scale.
    var features: [String: Double]
    /// Texts with words.
    var texts: Int
}

/// Why there is no scale to score on.
struct StyleUndefined: Error, Sendable {
    var reason: String
}
