/// A token bucket that holds one minute's worth and refills steadily. It may be overdrawn: what
/// turned out larger than it was taken for is paid back by waiting.
struct TokenBucket: Sendable {
    private var level = Double.infinity
    private var at = 0

    /// What is there now.
    /// - Parameters:
    ///   - capacity: a minute's worth.
    ///   - now: milliseconds.
    func available(_ capacity: Double, now: Int) -> Double {
        min(capacity, level + Double(max(0, now - at)) * capacity / 60_000)
    }

    mutating func take(_ amount: Double, capacity: Double, now: Int) {
        level = available(capacity, now: now) - amount
        at = now
    }

    /// Seconds until `amount` is there; nil where it never will be.
    func wait(for amount: Double, capacity: Double, now: Int) -> Double? {
        guard capacity > 0 else { return nil }
        return max(0, (amount - available(capacity, now: now)) * 60 / capacity)
    }
}
