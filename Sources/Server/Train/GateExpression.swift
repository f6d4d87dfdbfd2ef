import Domain
import Store

/// A condition on a release's evaluation, such as `validation_loss<=4.2` or `style_score@hybrid>0.6`.
public struct GateExpression: Sendable, Equatable, CustomStringConvertible {
    static let example = "validation_loss<=4.2 or style_score@voice>=0.6"

    public enum Comparison: String, Sendable, CaseIterable {
        // The longer first: they begin with the shorter.
        case atMost = "<="
        case atLeast = ">="
        case below = "<"
        case above = ">"
    }

    public var metric: MetricName
    public var comparison: Comparison
    public var bound: Double

    public init?(_ text: String) {
        for comparison in Comparison.allCases {
            guard let range = text.firstRange(of: comparison.rawValue) else { continue }
            let left = text[..<range.lowerBound].filter { !$0.isWhitespace }
            let right = text[range.upperBound...].filter { !$0.isWhitespace }
            guard let metric = MetricName(String(left)), let bound = Double(right), bound.isFinite else { return nil }
            (self.metric, self.comparison, self.bound) = (metric, comparison, bound)
            return
        }
        return nil
    }

    public var description: String { "\(metric)\(comparison.rawValue)\(bound)" }

    /// - Returns: nil where the metric was not measured.
    public func passes(_ evaluation: ReleaseEvaluation) -> Bool? {
        guard let value = metric.value(in: evaluation) else { return nil }
        return switch comparison {
        case .atMost: value <= bound
        case .atLeast: value >= bound
        case .below: value < bound
        case .above: value > bound
        }
    }
}

/// A metric, and where several arms have it, which.
public struct MetricName: Sendable, Equatable, CustomStringConvertible {
    public var name: String
    public var arm: String?

    /// `name` or `name@arm`.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isLetter || $0.isNumber || "_-.+".contains($0) } }) else {
            return nil
        }
        name = String(parts[0])
        arm = parts.count == 2 ? String(parts[1]) : nil
    }

    public var description: String { arm.map { "\(name)@\($0)" } ?? name }

    func value(in evaluation: ReleaseEvaluation) -> Double? { evaluation.figure(name, arm: arm)?.value }
}
