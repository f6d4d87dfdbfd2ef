/// Whether a new release is better than what answers now.
///
/// The candidate's figure is held against that of the active release, of the same metric and arm; where there is
/// none, against the candidate's own `base` arm. It passes where the lower end of its advantage reaches the margin:
/// the difference, less the root of the squared distances to the ends of both intervals that face each other (MOVER; Zou
/// and Donner, Statistics in Medicine 27, 2008). A figure without an interval counts as exact.
public struct ReleaseGate: Sendable, Equatable {
    public var passes: Bool
    /// For people: what was held against what.
    public var reason: String

    public init(passes: Bool, reason: String) {
        self.passes = passes
        self.reason = reason
    }

    /// - Parameter active: number and evaluation of the release that answers now.
    public static func decide(_ policy: ReleasePolicy, candidate: ReleaseEvaluation, active: (number: Int, evaluation: ReleaseEvaluation)?)
        -> ReleaseGate
    {
        switch policy.mode {
        case .always: return ReleaseGate(passes: true, reason: "the policy promotes every release")
        case .manual: return ReleaseGate(passes: false, reason: "the policy leaves it to you: promote it when it suits you")
        case .automatic: break
        }
        guard let metric = policy.metric else { return ReleaseGate(passes: false, reason: "the policy names no metric") }
        let name = policy.arm.map { "\(metric) of \($0)" } ?? metric
        guard let figure = candidate.figure(metric, arm: policy.arm) else {
            let known = candidate.figures.map { "\($0.metric) of \($0.arm)" }.joined(separator: ", ")
            return ReleaseGate(
                passes: false,
                reason: "\(name) was not measured, or for several arms of which the policy names none; measured: \(known.isEmpty ? "nothing" : known)"
            )
        }
        let reference: (figure: ReleaseFigure, name: String)
        if let active, let found = active.evaluation.figure(metric, arm: figure.arm) {
            reference = (found, "release \(active.number)")
        } else if figure.arm != "base", let base = candidate.figure(metric, arm: "base") {
            reference = (base, "the base model")
        } else {
            return ReleaseGate(passes: false, reason: "there is nothing to hold \(name) against: neither an active release nor the base has it")
        }
        let sign: Double = (policy.better ?? .standard(of: metric)) == .lower ? -1 : 1
        let difference = sign * (figure.value - reference.figure.value)
        let sure = difference - joint(figure.reach(-sign), reference.figure.reach(sign))
        let passes = sure >= policy.margin
        return ReleaseGate(
            passes: passes,
            reason: "\(metric) of \(figure.arm) is \(figure.text) against \(reference.figure.text) of \(reference.name): "
                + "\(difference >= 0 ? "better" : "worse") by \(text(abs(difference))), surely by \(text(sure)); the margin is \(text(policy.margin))"
        )
    }

    fileprivate static func text(_ value: Double) -> String { (value * 10_000).rounded() == 0 ? "0" : "\((value * 10_000).rounded() / 10_000)" }
}

extension ReleaseFigure {
    /// How far the interval reaches from the value: upwards for 1, downwards for -1.
    fileprivate func reach(_ side: Double) -> Double { max(0, side > 0 ? (high ?? value) - value : value - (low ?? value)) }

    fileprivate var text: String {
        guard let low, let high else { return ReleaseGate.text(value) }
        return "\(ReleaseGate.text(value)) [\(ReleaseGate.text(low)), \(ReleaseGate.text(high))]"
    }
}

private func joint(_ a: Double, _ b: Double) -> Double { (a * a + b * b).squareRoot() }
