/// A stage that did less than asked, why, and what that means for the answer.
public struct Degradation: Sendable, Codable, Equatable {
    public var stage: String
    public var reason: String
    public var effect: String
    /// What of its release the answer lacks because of it; absent where it lacks nothing.
    public var lacks: Half?

    /// The two halves of a release.
    public enum Half: String, Sendable, Codable { case voice, knowledge }

    package init(stage: String, reason: String, effect: String, lacks: Half? = nil) {
        self.stage = stage
        self.reason = reason
        self.effect = effect
        self.lacks = lacks
    }
}
