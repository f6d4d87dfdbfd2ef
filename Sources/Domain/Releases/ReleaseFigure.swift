/// One measured value of a release, with its interval where it has one.
public struct ReleaseFigure: Sendable, Encodable, Equatable {
    public var metric: String
    /// What was measured: `base`, `voice`, …
    public var arm: String
    public var value: Double
    /// The 95 % interval; both or neither.
    public var low: Double?
    public var high: Double?

    public init(metric: String, arm: String, value: Double, low: Double? = nil, high: Double? = nil) {
        self.metric = metric
        self.arm = arm
        self.value = value
        self.low = low
        self.high = high
    }
}

extension ReleaseEvaluation {
    /// Everything that was measured, one value each.
    public var figures: [ReleaseFigure] {
        var figures = metrics.compactMap { metric in
            metric.value.map {
                ReleaseFigure(metric: metric.name.rawValue, arm: metric.arm.rawValue, value: $0, low: metric.low, high: metric.high)
            }
        }
        func add(_ metric: String, _ arm: String, _ value: Double?) {
            guard let value, !figures.contains(where: { $0.metric == metric && $0.arm == arm }) else { return }
            figures.append(ReleaseFigure(metric: metric, arm: arm, value: value))
        }
        add("validation_loss", "base", baseValidationLoss)
        add("validation_loss", "voice", validationLoss)
        add("train_loss", "voice", trainLoss)
        return figures
    }

    /// The figure of a metric.
    /// - Parameter arm: nil for the one arm beside `base` that has the metric.
    /// - Returns: nil where there is none, or several and none is named.
    public func figure(_ metric: String, arm: String?) -> ReleaseFigure? {
        let found = figures.filter { $0.metric == metric }
        if let arm { return found.first { $0.arm == arm } }
        let trained = found.filter { $0.arm != "base" }
        return trained.count == 1 ? trained[0] : nil
    }
}
