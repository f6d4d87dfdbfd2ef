/// What a release was measured to be worth, on the held-out split; what was not measured is absent.
public struct ReleaseEvaluation: Sendable, Codable, Equatable {
    /// Mean negative log-likelihood per reply token, without and with the adapter.
    public var baseValidationLoss: Double?
    public var validationLoss: Double?
    public var trainLoss: Double?
    public var trainingExamples: Int?
    public var heldOutExamples: Int?
    public var documents: Int?
    public var chunks: Int?
    /// The ablation table: one row a metric and arm, in the order they are to be shown.
    public var metrics: [EvaluationMetric] = []
    /// A few of the questions with every arm's answer, for reading side by side.
    public var examples: [EvaluationExample] = []
    /// What was left out of the table and why, in sentences for people.
    public var notes: [String] = []

    enum CodingKeys: String, CodingKey {
        case documents, chunks, metrics, examples, notes
        case baseValidationLoss = "base_validation_loss"
        case validationLoss = "validation_loss"
        case trainLoss = "train_loss"
        case trainingExamples = "training_examples"
        case heldOutExamples = "held_out_examples"
    }

    public init() {}

    /// Reads an evaluation that was written before a field was there: it has nothing.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        baseValidationLoss = try fields.decodeIfPresent(Double.self, forKey: .baseValidationLoss)
        validationLoss = try fields.decodeIfPresent(Double.self, forKey: .validationLoss)
        trainLoss = try fields.decodeIfPresent(Double.self, forKey: .trainLoss)
        trainingExamples = try fields.decodeIfPresent(Int.self, forKey: .trainingExamples)
        heldOutExamples = try fields.decodeIfPresent(Int.self, forKey: .heldOutExamples)
        documents = try fields.decodeIfPresent(Int.self, forKey: .documents)
        chunks = try fields.decodeIfPresent(Int.self, forKey: .chunks)
        metrics = try fields.decodeIfPresent([EvaluationMetric].self, forKey: .metrics) ?? []
        examples = try fields.decodeIfPresent([EvaluationExample].self, forKey: .examples) ?? []
        notes = try fields.decodeIfPresent([String].self, forKey: .notes) ?? []
    }

    /// The row of one metric and arm; nil where it was not measured.
    public func metric(_ name: EvaluationMetric.Name, _ arm: EvaluationArm) -> EvaluationMetric? {
        metrics.first { $0.name == name && $0.arm == arm }
    }
}
