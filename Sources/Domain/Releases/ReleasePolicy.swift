/// What becomes of a job's release: whether it answers at once.
public struct ReleasePolicy: Sendable, Codable, Equatable {
    public enum Mode: String, Sendable, Codable, CaseIterable {
        /// Every release is promoted as it is made.
        case always
        /// It is promoted if it is better by a margin, see ``ReleaseGate``.
        case automatic
        /// It stays a candidate until somebody promotes it.
        case manual
    }

    public enum Direction: String, Sendable, Codable, CaseIterable {
        case higher
        case lower

        /// What is better of a metric of this name: losses, perplexities, times and costs are better lower.
        public static func standard(of metric: String) -> Direction {
            if let known = EvaluationMetric.Name(rawValue: metric) { return known.higherIsBetter ? .higher : .lower }
            return ["loss", "perplexity", "latency", "cost", "seconds"].contains { metric.lowercased().contains($0) } ? .lower : .higher
        }
    }

    public var mode: Mode
    /// Of `automatic`: the metric of the evaluation that decides.
    public var metric: String?
    /// What was measured with it: `base`, `voice`, …; absent where only one arm but `base` has the metric.
    public var arm: String?
    /// How much better it must surely be, in the metric's unit.
    public var margin: Double
    /// Absent: what the metric's name says.
    public var better: Direction?

    public init(mode: Mode = .always, metric: String? = nil, arm: String? = nil, margin: Double = 0, better: Direction? = nil) {
        self.mode = mode
        self.metric = metric
        self.arm = arm
        self.margin = margin
        self.better = better
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        mode = try fields.decode(Mode.self, forKey: .mode)
        metric = try fields.decodeIfPresent(String.self, forKey: .metric)
        arm = try fields.decodeIfPresent(String.self, forKey: .arm)
        margin = try fields.decodeIfPresent(Double.self, forKey: .margin) ?? 0
        better = try fields.decodeIfPresent(Direction.self, forKey: .better)
    }
}
