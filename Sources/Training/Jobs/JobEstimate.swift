import LocalModels

/// What a job would take: of this machine, and of money.
public struct JobEstimate: Sendable, Encodable {
    /// Nil where it trains no adapter.
    public var training: TrainingEstimate?
    /// What is asked of vendors; empty where all is done here.
    public var costs: [JobCost]

    public init(training: TrainingEstimate?, costs: [JobCost]) {
        self.training = training
        self.costs = costs
    }

    /// US dollars; nil where a price is unknown.
    public var cost: Double? { costs.reduce(0) { sum, part in sum.flatMap { sum in part.cost.map { sum + $0 } } } }

    enum CodingKeys: String, CodingKey {
        case costs, warnings
        case cost = "estimated_cost_usd"
    }

    /// The training's fields beside the costs.
    public func encode(to encoder: any Encoder) throws {
        try training?.encode(to: encoder)
        var fields = encoder.container(keyedBy: CodingKeys.self)
        if training == nil { try fields.encode([TrainingEstimate.Warning](), forKey: .warnings) }
        try fields.encode(costs, forKey: .costs)
        try fields.encodeIfPresent(cost, forKey: .cost)
    }
}
