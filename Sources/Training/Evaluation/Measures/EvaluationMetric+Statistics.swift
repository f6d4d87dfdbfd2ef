import Domain
import Store

extension EvaluationMetric {
    /// Nil without values.
    static func mean(_ name: Name, _ arm: EvaluationArm, _ values: [Double], unit: String, _ bootstrap: Bootstrap) -> EvaluationMetric? {
        ratio(name, arm, values.map { ($0, 1) }, unit: unit, bootstrap)
    }

    /// Σ of the parts ÷ Σ of the wholes, drawn again by answers: what one answer says hangs together.
    /// - Returns: nil where there is no whole.
    static func ratio(
        _ name: Name, _ arm: EvaluationArm, _ pairs: [(part: Double, whole: Double)], unit: String, _ bootstrap: Bootstrap
    ) -> EvaluationMetric? {
        func value(_ weights: [Double]?) -> Double? {
            var part = 0.0
            var whole = 0.0
            for (index, pair) in pairs.enumerated() {
                let weight = weights?[index] ?? 1
                part += weight * pair.part
                whole += weight * pair.whole
            }
            return whole > 0 ? part / whole : nil
        }
        guard let all = value(nil) else { return nil }
        let interval = bootstrap.interval(pairs.count) { value($0) }
        return EvaluationMetric(
            name, arm, value: all, low: interval?.lowerBound, high: interval?.upperBound, n: Int(pairs.reduce(0) { $0 + $1.whole }), unit: unit)
    }

    /// A quantile of the values.
    static func quantile(
        _ name: Name, _ arm: EvaluationArm, _ values: [Double], _ share: Double, unit: String, _ bootstrap: Bootstrap
    ) -> EvaluationMetric? {
        guard !values.isEmpty else { return nil }
        let interval = bootstrap.interval(values.count) { weights in
            let drawn = zip(values, weights).flatMap { Array(repeating: $0, count: Int($1)) }
            return Bootstrap.quantile(drawn.sorted(), share)
        }
        return EvaluationMetric(
            name, arm, value: Bootstrap.quantile(values.sorted(), share), low: interval?.lowerBound, high: interval?.upperBound, n: values.count,
            unit: unit)
    }
}
