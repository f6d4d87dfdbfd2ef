import Domain
import Store

/// The payload of an `evaluation` event: one arm's figures, or what is about to be spent.
struct EvaluationEvent: Sendable, Codable {
    var arm: EvaluationArm?
    var metrics: [EvaluationMetric]?
    /// Answers that will be asked for.
    var calls: Int?
    /// What they may come to, in US dollars; absent where a price is unknown.
    var estimatedCost: Double?
    var message: String?

    enum CodingKeys: String, CodingKey {
        case arm, metrics, calls, message
        case estimatedCost = "estimated_cost_usd"
    }
}
