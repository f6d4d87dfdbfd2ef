import Domain
import Foundation
import Store

/// The ablation table as text: a row a metric, a column an arm, each figure with its interval and n.
public struct EvaluationTable: Sendable, CustomStringConvertible {
    private let evaluation: ReleaseEvaluation

    public init(_ evaluation: ReleaseEvaluation) { self.evaluation = evaluation }

    public var description: String {
        let metrics = evaluation.metrics
        guard !metrics.isEmpty else { return ([evaluation.notes.isEmpty ? "nothing was measured" : ""] + evaluation.notes).joined(separator: "\n") }
        let arms = EvaluationArm.allCases.filter { arm in metrics.contains { $0.arm == arm } }
        let names = EvaluationMetric.Name.allCases.filter { name in metrics.contains { $0.name == name } }
        var rows = [[""] + arms.map(\.rawValue)]
        for name in names { rows.append([name.rawValue] + arms.map { Self.cell(evaluation.metric(name, $0)) }) }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ").trimmingCharacters(in: .newlines)
        }
        return (lines + evaluation.notes.map { "- \($0)" }).joined(separator: "\n")
    }

    private static func cell(_ metric: EvaluationMetric?) -> String {
        guard let metric else { return "–" }
        guard let value = metric.value else { return "unknown (n \(metric.n))" }
        let interval = metric.low.flatMap { low in metric.high.map { " [\(text(low, metric.unit)), \(text($0, metric.unit))]" } } ?? ""
        return "\(text(value, metric.unit))\(interval) n \(metric.n)"
    }

    private static func text(_ value: Double, _ unit: String) -> String {
        switch unit {
        case "ms": String(format: "%.0f", value)
        case "perplexity": String(format: "%.1f", value)
        case "usd": String(format: "%.6f", value)
        default: String(format: "%.2f", value)
        }
    }
}
