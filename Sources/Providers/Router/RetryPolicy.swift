import Foundation

/// When a route is asked again, and after how long. Clock and dice are members, so that tests neither
/// sleep nor gamble.
public struct RetryPolicy: Sendable {
    /// Waits followed by another call, per group of routes: beyond the one call each of them gets at once.
    public var retries: Int
    /// The first wait is drawn from 0 to this; each further one from twice as much.
    public var base: Duration
    /// The most that is drawn from.
    public var ceiling: Duration
    /// A vendor's wish longer than this, in seconds, is not waited out while another route is left.
    public var patience: Double
    /// Waits.
    public var sleep: @Sendable (Duration) async throws -> Void
    /// From 0 up to but not including 1; for waits and for the spread over routes.
    public var random: @Sendable () -> Double

    public init(
        retries: Int = 2, base: Duration = .milliseconds(250), ceiling: Duration = .seconds(8), patience: Double = 5,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.retries = retries
        self.base = base
        self.ceiling = ceiling
        self.patience = patience
        self.sleep = sleep
        self.random = random
    }

    /// Two retries with exponential backoff and full jitter from 0.25 s
    /// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    public static let standard = RetryPolicy()
    /// One call per route, no waits.
    public static let never = RetryPolicy(retries: 0)

    /// How long to wait before the next call on this route; `nil` to give the route up.
    ///
    /// A vendor's wish is honoured within (0, 60] seconds; a longer one (a day has been seen) is
    /// answered by our own backoff, so no wait exceeds a minute.
    /// - Parameters:
    ///   - retry: 1 for the first retry.
    ///   - hasFallback: whether another group of routes is left; then neither a timeout nor a long wish is
    ///     worth the caller's time.
    public func wait(after error: ProviderError, retry: Int, hasFallback: Bool) -> Duration? {
        guard error.isRetryable, retry <= retries else { return nil }
        if hasFallback, error.kind == .timeout || (error.retryAfter ?? 0) > patience { return nil }
        if let wish = error.retryAfter, wish > 0, wish <= 60 { return .seconds(wish) }
        let range = min(ceiling, base * (1 << min(retry - 1, 16)))
        return range * random()
    }
}
