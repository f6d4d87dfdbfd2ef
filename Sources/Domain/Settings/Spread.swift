/// How the order among a group's routes is chosen. Weight 0 or less is a last resort either way.
public enum Spread: String, Sendable, Codable, CaseIterable {
    /// At random, in proportion to the weights.
    case weighted
    /// The shortest average time to the first token first; one that is not known yet before all others.
    /// One call in twenty begins elsewhere, so that a route that has become quick again is noticed.
    case leastLatency = "least_latency"
}
