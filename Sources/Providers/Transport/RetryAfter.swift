import Foundation

/// Reads how long a vendor asks us to wait.
public enum RetryAfter {
    /// The longest wait that is passed on: a day.
    public static let longest = 86_400.0

    /// Seconds from `retry-after-ms`, else from `retry-after` (a number of seconds or an HTTP date), ``longest`` at most;
    /// `nil` where neither is a wait: nothing, a word, a number below or of zero, a date that is past.
    public static func seconds(_ fields: HTTPFields, now: Date = Date()) -> Double? {
        if let wait = fields["retry-after-ms"].flatMap(number), wait > 0 { return min(wait / 1000, longest) }
        guard let text = fields["retry-after"]?.trimmingCharacters(in: .whitespaces) else { return nil }
        let wait = number(text) ?? date(text).map { $0.timeIntervalSince(now) }
        return wait.flatMap { $0 > 0 ? min($0, longest) : nil }
    }

    /// A number in decimal digits: `Double` reads words too. One that is too large is infinite.
    private static func number(_ text: String) -> Double? {
        let text = text.trimmingCharacters(in: .whitespaces)
        return text.utf8.allSatisfy { (0x30...0x39).contains($0) || ".-+eE".utf8.contains($0) } ? Double(text) : nil
    }

    /// The three forms of RFC 9110 §5.6.7; the first is `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: String) -> Date? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        for form in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            formatter.dateFormat = form
            if let date = formatter.date(from: text) { return date }
        }
        return nil
    }
}
