/// Writes Prometheus' text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
struct PrometheusText {
    typealias Labels = [(name: String, value: String)]

    private(set) var text = ""

    /// One metric with all its samples; nothing where there are none.
    mutating func write(_ metric: Metric, _ samples: [(labels: Labels, value: Double)]) {
        guard !samples.isEmpty else { return }
        head(metric)
        for line in samples.map({ "\(metric.name)\(Self.braces($0.labels)) \(Self.number($0.value))\n" }).sorted() { text += line }
    }

    mutating func write(_ metric: Metric, _ value: Double?) {
        if let value { write(metric, [([], value)]) }
    }

    /// - Parameter unit: what one of the histogram's values is in the metric's unit.
    mutating func write(_ metric: Metric, _ histograms: [(labels: Labels, histogram: Histogram)], unit: Double) {
        guard !histograms.isEmpty else { return }
        head(metric)
        for (labels, histogram) in histograms.sorted(by: { Self.braces($0.labels) < Self.braces($1.labels) }) {
            let snapshot = histogram.snapshot
            var running = 0
            for (index, count) in snapshot.counts.enumerated() {
                running += count
                let bound = index < histogram.bounds.count ? Self.number(Double(histogram.bounds[index]) * unit) : "+Inf"
                text += "\(metric.name)_bucket\(Self.braces(labels + [("le", bound)])) \(running)\n"
            }
            text += "\(metric.name)_sum\(Self.braces(labels)) \(Self.number(Double(snapshot.sum) * unit))\n"
            text += "\(metric.name)_count\(Self.braces(labels)) \(running)\n"
        }
    }

    private mutating func head(_ metric: Metric) {
        text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
    }

    static func braces(_ labels: Labels) -> String {
        labels.isEmpty ? "" : "{" + labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",") + "}"
    }

    /// The three characters that the format escapes in a label's value.
    private static func escaped(_ value: String) -> String {
        guard value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") }) else { return value }
        return value.reduce(into: "") { escaped, character in
            switch character {
            case "\\": escaped += #"\\"#
            case "\"": escaped += #"\""#
            case "\n", "\r\n": escaped += #"\n"#
            default: escaped.append(character)
            }
        }
    }

    /// Whole numbers without a point; others to twelve digits, which hides what binary fractions leave
    /// over when nanoseconds become seconds.
    private static func number(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        guard value.isFinite, value != 0 else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let scale = 1e12
        let rounded = abs(value) < 1e3 ? (value * scale).rounded() / scale : value
        return "\(rounded)"
    }
}
