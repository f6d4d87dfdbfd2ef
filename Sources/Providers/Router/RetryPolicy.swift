import Domain
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
    /// The longest wait a vendor may ask for, in seconds. What asks for more is given up at once.
    public var patience: Double
    /// How often one request waits because a vendor limits its rate or asks for a wait.
    public var heeds: Int
    /// Waits.
    public var sleep: @Sendable (Duration) async throws -> Void
    /// From 0 up to but not including 1; for waits and for the spread over routes.
    public var random: @Sendable () -> Double

    public init(
        retries: Int = 2, base: Duration = .milliseconds(250), ceiling: Duration = .seconds(8), patience: Double = 5, heeds: Int = 1,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.retries = retries
        self.base = base
        self.ceiling = ceiling
        self.patience = patience
        self.heeds = heeds
        self.sleep = sleep
        self.random = random
    }

    /// Two retries with exponential backoff and full jitter from 0.25 s
    /// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    public static let standard = RetryPolicy()
    /// For work that nobody waits for: a vendor's wish is heeded for a minute, twice.
    public static let background = RetryPolicy(patience: 60, heeds: 2)
    /// One call per route, no waits.
    public static let never = RetryPolicy(retries: 0)

    /// How long to wait before the next call on this route; `nil` to give the route up.
    ///
    /// A vendor's wish is waited out where nobody else is left to ask and it is within ``patience``; a longer one is the caller's to wait for.
    /// - Parameters:
    ///   - retry: 1 for the first retry.
    ///   - hasFallback: whether another group of routes is left; then neither a timeout nor a vendor's wish is worth the caller's time.
    ///   - heeded: how often the request has waited for a vendor's sake.
    public func wait(after error: ProviderError, retry: Int, hasFallback: Bool, heeded: Int) -> Duration? {
        guard error.isRetryable, retry <= retries else { return nil }
        if hasFallback, error.kind == .timeout || (error.retryAfter ?? 0) > 0 { return nil }
        if error.asksToWait, heeded >= heeds { return nil }
        if let wish = error.retryAfter, wish > 0 { return wish <= patience ? .seconds(wish) : nil }
        let range = min(ceiling, base * (1 << min(retry - 1, 16)))
        return range * random()
    }
}

extension ProviderError {
    /// Whether the vendor answers, but not now: another call at once only adds to what it has too much of.
    var asksToWait: Bool { kind == .rateLimited || (retryAfter ?? 0) > 0 }
}
