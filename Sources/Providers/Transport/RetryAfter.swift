import Foundation

/// Reads how long a vendor asks us to wait.
public enum RetryAfter {
    /// The longest wait that is passed on: a day.
    public static let longest = 86_400.0

    /// Seconds from `retry-after-ms`, else from `retry-after` (a number of seconds or an HTTP date), ``longest`` at most;
    /// `nil` where neither is a positive wait.
    public static func seconds(_ fields: HTTPFields, now: Date = Date()) -> Double? {
        if let text = fields["retry-after-ms"], let value = Double(text), value.isFinite, value > 0 {
            return min(value / 1000, longest)
        }
        guard let text = fields["retry-after"]?.trimmingCharacters(in: .whitespaces) else { return nil }
        let wait = Double(text) ?? date(text).map { $0.timeIntervalSince(now) }
        return wait.flatMap { $0.isFinite && $0 > 0 ? min($0, longest) : nil }
    }

    /// IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: String) -> Date? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        return formatter.date(from: text)
    }
}
