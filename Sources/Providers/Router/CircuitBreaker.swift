/// Keeps calls from an endpoint that fails every time. Pure: time and dice are handed in.
///
///     closed ──(n failures in a row)──▶ open ──(its time is over)──▶ half open: one probe
///        ▲                               ▲                               │
///        └────────(probe succeeds)───────┼──────────(probe fails)────────┘
///
/// The time doubles from opening to opening until a call succeeds.
struct CircuitBreaker: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct Settings: Sendable {
        /// Failures in a row that open the circuit.
        var failures = 5
        var shortest = Duration.seconds(10)
        var longest = Duration.seconds(300)
    }

    enum State: String, Sendable { case closed, open, halfOpen = "half_open" }

    /// A call that was let through. A call from before the circuit last opened has no say any more.
    struct Pass: Sendable, Equatable {
        fileprivate var generation: Int
        var isProbe: Bool
    }

    enum Admission: Sendable, Equatable {
        case admitted(Pass)
        /// Until then, or until the running probe has ended.
        case refused(until: Instant?)
    }

    private enum Phase: Equatable { case closed, open(until: Instant), probing }

    private var phase = Phase.closed
    /// In a row.
    private var failures = 0
    /// Openings since the last success.
    private var openings = 0
    private var generation = 0

    func state(at now: Instant) -> State {
        switch phase {
        case .closed: .closed
        case .open(let until): now < until ? .open : .halfOpen
        case .probing: .halfOpen
        }
    }

    var isClosed: Bool { phase == .closed }

    /// Half open, and no probe under way.
    func awaitsProbe(at now: Instant) -> Bool {
        if case .open(let until) = phase { now >= until } else { false }
    }

    mutating func admit(at now: Instant) -> Admission {
        switch phase {
        case .closed: return .admitted(Pass(generation: generation, isProbe: false))
        case .probing: return .refused(until: nil)
        case .open(let until):
            guard now >= until else { return .refused(until: until) }
            phase = .probing
            generation += 1
            return .admitted(Pass(generation: generation, isProbe: true))
        }
    }

    mutating func succeed(_ pass: Pass) {
        guard pass.generation == generation else { return }
        phase = .closed
        failures = 0
        openings = 0
    }

    /// - Parameter random: from 0 up to but not including 1; lengthens the time by up to a quarter, so
    ///   that circuits that opened together are not probed together.
    mutating func fail(_ pass: Pass, at now: Instant, random: Double, _ settings: Settings) {
        guard pass.generation == generation else { return }
        failures += 1
        guard phase == .probing || failures >= settings.failures else { return }
        let time = min(settings.longest, settings.shortest * (1 << min(openings, 20)))
        phase = .open(until: now + time * (1 + random / 4))
        failures = 0
        openings += 1
        generation += 1
    }

    /// The endpoint works, though the call may yet fail: the first token has come, or a refusal that is
    /// not the endpoint's fault. Ends a probe; the next failure opens the circuit again.
    mutating func answer(_ pass: Pass, _ settings: Settings) {
        guard pass.generation == generation, phase == .probing else { return }
        phase = .closed
        failures = settings.failures - 1
    }

    /// The call was given up before anything could be learned: another may probe.
    mutating func abandon(_ pass: Pass, at now: Instant) {
        guard pass.generation == generation, phase == .probing else { return }
        phase = .open(until: now)
        generation += 1
    }
}
