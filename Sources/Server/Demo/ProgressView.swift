import Domain
import Foundation
import Providers

/// A job's events as a progress line: stage, percent, loss, tokens per second, time left.
struct ProgressView {
    let terminal: Terminal
    private var lastTenth = -1

    init(terminal: Terminal) { self.terminal = terminal }

    mutating func show(_ event: String, _ data: JSONValue) {
        switch event {
        case "stage":
            let name = data["stage"]?.stringValue ?? ""
            if data["status"]?.stringValue == "started" {
                lastTenth = -1
                terminal.line("  \(name) …")
            } else if let milliseconds = data["milliseconds"]?.doubleValue {
                terminal.line("  \(name) done in \(Terminal.time(milliseconds / 1000))")
            }
        case "progress":
            let fraction = data["progress"]?.doubleValue ?? 0
            var parts = ["  \(Terminal.bar(fraction))", data["stage"]?.stringValue ?? ""]
            if let step = data["step"]?.intValue, let steps = data["steps"]?.intValue { parts.append("step \(step)/\(steps)") }
            if let loss = data["loss"]?.doubleValue { parts.append(String(format: "loss %.3f", loss)) }
            if let speed = data["tokens_per_second"]?.doubleValue { parts.append("\(Int(clamping: speed)) tokens/s") }
            if let done = data["chunks"]?.intValue, let all = data["chunks_total"]?.intValue, all > 0 { parts.append("chunk \(done)/\(all)") }
            if let left = data["seconds_left"]?.doubleValue { parts.append("\(Terminal.time(left)) left") }
            let tenth = Int(clamping: min(max(fraction, 0), 1) * 10)
            terminal.progress(parts.joined(separator: "  "), isLandmark: tenth != lastTenth)
            lastTenth = tenth
        case "validation":
            if let loss = data["loss"]?.doubleValue { terminal.line(String(format: "  held-out loss %.3f", loss)) }
        case "log": terminal.line("  \(data["message"]?.stringValue ?? "")")
        default: break
        }
    }
}

/// An answer's trace in the terminal.
struct TraceView {
    let terminal: Terminal

    func show(_ answer: JSONValue) {
        let trace = answer["trace"]
        if let draft = trace?["draft"]?["text"]?.stringValue { terminal.line("  draft:    \(draft)") }
        for (index, passage) in (trace?["passages"]?.arrayValue ?? []).enumerated() {
            let signals = (passage["signals"]?.arrayValue ?? []).map { signal in
                "\(signal["name"]?.stringValue ?? "") #\(signal["rank"]?.intValue ?? 0)"
            }
            let text = (passage["text"]?.stringValue ?? "").replacingOccurrences(of: "\n", with: " ")
            terminal.line(
                "  passage:  [\(index + 1)] \(passage["document"]?.stringValue ?? "") (\(signals.joined(separator: ", "))) \(text.prefix(90))…")
        }
        terminal.line("  answer:   \(answer["answer"]?.stringValue ?? "")")
        for citation in answer["citations"]?.arrayValue ?? [] {
            terminal.line(
                "  source:   [\(citation["number"]?.intValue ?? 0)] \(citation["document"]?.stringValue ?? "") (by \(citation["by"]?.stringValue ?? ""))"
            )
        }
        let timings = (trace?["stages"]?.arrayValue ?? []).map { stage in
            "\(stage["stage"]?.stringValue ?? "") \(stage["status"]?.stringValue == "ok" ? "\(Int(clamping: stage["milliseconds"]?.doubleValue ?? 0)) ms" : stage["status"]?.stringValue ?? "")"
        }
        let tokens = answer["usage"]
        let cost = tokens?["cost"]?.doubleValue.map { String(format: "$%.6f", $0) } ?? "unknown"
        terminal.line("  timings:  \(timings.joined(separator: ", "))")
        terminal.line("  tokens:   \(tokens?["input"]?.intValue ?? 0) in, \(tokens?["output"]?.intValue ?? 0) out, cost \(cost)")
    }
}
