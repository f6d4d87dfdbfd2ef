import Foundation

/// Takes secrets out of a vendor's words before they become an error message or a log line. Vendors
/// do quote keys: "Incorrect API key provided: sk-…".
public enum Redaction {
    /// What stands where a secret stood.
    public static let mark = "‹redacted›"

    /// Longest message kept, in characters.
    public static let maximumLength = 1000

    /// Shapes of keys: vendor prefixes with at least six more characters (masked ones with `*` or
    /// `.` inside too), our own minion tokens, and whatever follows `Bearer`.
    private static let shapes = [
        #"(?i)\bbearer\s+[^\s"',;]+"#,
        #"\b(?:sk|pk|rk|gsk|xai|nvapi|hf|minion|or|api_org|pplx|tgp)[-_][A-Za-z0-9_*.\-]{6,}"#,
        #"\bAIza[A-Za-z0-9_\-]{10,}"#,
    ]

    /// `text` without `key` and without anything shaped like a key, cut to ``maximumLength``.
    public static func redact(_ text: String, key: Secret? = nil) -> String {
        var text = text
        // A key shorter than four characters would take ordinary words with it.
        if let plain = key?.reveal().trimmingCharacters(in: .whitespacesAndNewlines), plain.count >= 4 {
            text = text.replacingOccurrences(of: plain, with: mark)
        }
        for shape in shapes {
            text = text.replacingOccurrences(of: shape, with: mark, options: .regularExpression)
        }
        return text.unicodeScalars.count > maximumLength ? String(text.unicodeScalars.prefix(maximumLength)) + "…" : text
    }
}
