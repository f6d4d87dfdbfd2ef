/// What is known of one ``HealthKey``. Pure.
struct KeyHealth: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Streamed and whole replies are timed apart: one's first token is the other's last.
    struct Pace: Sendable, Hashable {
        var model: String
        var isStreamed: Bool
    }

    /// Weight of the newest time in the average.
    static let newest = 0.2
    /// Models whose pace is remembered.
    static let paces = 32

    var breaker = CircuitBreaker()
    /// Calls under way.
    var inUse = 0
    /// Callers that wait for a slot, first come first.
    var waiters: [Int] = []
    var coolsUntil: Instant?
    /// Set at every use; orders what is forgotten first.
    var lastUse = 0
    private var latencies: [Pace: Double] = [:]

    var isIdle: Bool { inUse == 0 && waiters.isEmpty }

    func isCooling(at now: Instant) -> Bool { coolsUntil.map { $0 > now } ?? false }

    /// Milliseconds; infinite where it has only ever failed, `nil` where nothing is known.
    func latency(_ pace: Pace) -> Double? { latencies[pace] }

    /// - Parameter milliseconds: to the first token; absent where none came.
    mutating func note(_ verdict: Verdict, milliseconds: Double?, _ pace: Pace) {
        if latencies[pace] == nil, latencies.count >= Self.paces { latencies.removeAll() }
        switch verdict {
        case .success:
            guard let milliseconds else { return }
            let known = latencies[pace].flatMap { $0.isFinite ? $0 : nil }
            latencies[pace] = known.map { $0 + Self.newest * (milliseconds - $0) } ?? milliseconds
        case .failure, .rateLimited, .keyRefused:
            // Failing fast must not look like being fast.
            latencies[pace] = (latencies[pace] ?? .infinity) * 2
        case .requestRefused, .abandoned: break
        }
    }
}
