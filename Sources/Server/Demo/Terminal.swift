import Foundation

/// What the demo prints: one rewritten line for progress on a terminal, whole lines elsewhere.
struct Terminal: Sendable {
    let isInteractive = isatty(STDOUT_FILENO) == 1

    func line(_ text: String = "") {
        print(isInteractive ? "\r\u{1B}[K\(text)" : text)
        fflush(nil)
    }

    func heading(_ text: String) { line("\n\(isInteractive ? "\u{1B}[1m\(text)\u{1B}[0m" : text)") }

    /// - Parameter isLandmark: worth a line of its own where nothing can be rewritten.
    func progress(_ text: String, isLandmark: Bool) {
        if isInteractive {
            print("\r\u{1B}[K\(text)", terminator: "")
            fflush(nil)
        } else if isLandmark {
            line(text)
        }
    }

    /// `[######····] 62%`
    static func bar(_ fraction: Double, width: Int = 24) -> String {
        let fraction = min(max(fraction, 0), 1)
        let filled = Int(clamping: (fraction * Double(width)).rounded())
        return
            "[\(String(repeating: "#", count: filled))\(String(repeating: "·", count: width - filled))] \(Int(clamping: (fraction * 100).rounded()))%"
    }

    static func time(_ seconds: Double) -> String {
        seconds < 60 ? "\(Int(clamping: seconds.rounded())) s" : "\(Int(clamping: seconds) / 60) min \(Int(clamping: seconds) % 60) s"
    }
}
