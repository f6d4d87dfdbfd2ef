import Domain
import Synchronization

/// What all routers of a process know about keys and endpoints: circuits, slots, paces. Bounded; holds
/// no plaintext key where the routes carry key ids.
public final class RouterHealth: Sendable {
    /// Clock, dice and timer are members, so that tests neither sleep nor gamble.
    public struct Settings: Sendable {
        /// Failures in a row that open a circuit.
        public var failures = 5
        /// How long a circuit is first open; doubles from opening to opening.
        public var shortestOpen = Duration.seconds(10)
        public var longestOpen = Duration.seconds(300)
        /// How long a call waits for a slot of a key with a concurrency limit.
        public var slotWait = Duration.seconds(5)
        /// Keys that are remembered; beyond it the least recently used idle ones are forgotten.
        public var capacity = 4096
        public var now: @Sendable () -> ContinuousClock.Instant = { .now }
        /// Waits; ends a wait for a slot.
        public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
        /// From 0 up to but not including 1.
        public var random: @Sendable () -> Double = { Double.random(in: 0..<1) }

        public init() {}

        var breaker: CircuitBreaker.Settings { .init(failures: failures, shortest: shortestOpen, longest: longestOpen) }
    }

    /// A call under way; to be handed back exactly once with ``leave(_:_:milliseconds:_:)``.
    struct Ticket: Sendable {
        let key: HealthKey
        let pass: CircuitBreaker.Pass
    }

    enum Admission: Sendable {
        case admitted(Ticket)
        /// Seconds until a probe is possible.
        case open(retryAfter: Double)
        /// All slots are taken.
        case busy
    }

    struct Table: Sendable {
        var keys: [HealthKey: KeyHealth] = [:]
        var waiters: [Int: SlotWaiter] = [:]
        var lastWaiter = 0
        var uses = 0
    }

    let settings: Settings
    let table = Mutex(Table())

    public init(_ settings: Settings = Settings()) { self.settings = settings }

    /// Takes a slot, unless the circuit is open or others wait already.
    func admit(_ key: HealthKey, limit: Int?) -> Admission {
        let now = settings.now()
        return table.withLock { table in
            Self.make(room: settings.capacity, for: key, in: &table)
            return admit(key, limit: limit, at: now, in: &table)
        }
    }

    /// - Parameter isNext: whether it is the longest waiting one's turn.
    func admit(_ key: HealthKey, limit: Int?, at now: ContinuousClock.Instant, isNext: Bool = false, in table: inout Table) -> Admission {
        table.uses += 1
        let uses = table.uses
        return withHealth(of: key, in: &table) { health in
            health.lastUse = uses
            if let limit, health.inUse >= max(1, limit) || (!isNext && !health.waiters.isEmpty) {
                // Nobody queues for what is out of service.
                if health.breaker.isClosed || health.breaker.awaitsProbe(at: now) { return .busy }
            }
            switch health.breaker.admit(at: now) {
            case .refused(let until): return .open(retryAfter: until.map { max(0.001, ($0 - now).milliseconds / 1000) } ?? 1)
            case .admitted(let pass):
                health.inUse += 1
                return .admitted(Ticket(key: key, pass: pass))
            }
        }
    }

    /// The first token has come: enough for a probe.
    func answered(_ ticket: Ticket) {
        guard ticket.pass.isProbe else { return }
        table.withLock { table in withHealth(of: ticket.key, in: &table) { $0.breaker.answer(ticket.pass, settings.breaker) } }
    }

    /// Gives the slot back, to the longest waiting caller if there is one.
    /// - Parameter milliseconds: to the first token; absent where none came.
    func leave(_ ticket: Ticket, _ verdict: Verdict, milliseconds: Double?, _ pace: KeyHealth.Pace) {
        let now = settings.now()
        let random = verdict == .failure ? settings.random() : 0
        let wake = table.withLock { table -> [SlotWaiter.Wake] in
            withHealth(of: ticket.key, in: &table) { health in
                health.inUse -= 1
                health.note(verdict, milliseconds: milliseconds, pace)
                switch verdict {
                case .success:
                    health.breaker.succeed(ticket.pass)
                    health.coolsUntil = nil
                case .failure: health.breaker.fail(ticket.pass, at: now, random: random, settings.breaker)
                case .rateLimited(let wish):
                    health.breaker.answer(ticket.pass, settings.breaker)
                    if let wish { health.coolsUntil = max(health.coolsUntil ?? now, now + .seconds(wish)) }
                case .keyRefused, .requestRefused: health.breaker.answer(ticket.pass, settings.breaker)
                case .abandoned: health.breaker.abandon(ticket.pass, at: now)
                }
            }
            return handOver(ticket.key, at: now, in: &table)
        }
        for waiter in wake { waiter.resume() }
    }

    /// A route as the spread sees it, and for how many seconds it is still to be spared.
    func candidate(_ route: Route, _ key: HealthKey, _ pace: KeyHealth.Pace) -> (Spread.Candidate, cools: Double) {
        let now = settings.now()
        return table.withLock { table in
            guard let health = table.keys[key] else { return (Spread.Candidate(weight: route.weight), 0) }
            return (
                Spread.Candidate(
                    weight: route.weight, latency: health.latency(pace), isCooling: health.isCooling(at: now),
                    awaitsProbe: health.breaker.awaitsProbe(at: now)),
                health.coolsUntil.map { max(0, ($0 - now).milliseconds / 1000) } ?? 0
            )
        }
    }

    /// How many circuits of each provider are `closed`, `open` or `half_open`, for metrics; no key in it.
    public func snapshot() -> [(provider: String, state: String, count: Int)] {
        let now = settings.now()
        var counts: [String: [CircuitBreaker.State: Int]] = [:]
        table.withLock { table in
            for (key, health) in table.keys { counts[key.provider, default: [:]][health.breaker.state(at: now), default: 0] += 1 }
        }
        return counts.sorted { $0.key < $1.key }.flatMap { provider, states in
            states.sorted { $0.key.rawValue < $1.key.rawValue }.map { (provider, $0.key.rawValue, $0.value) }
        }
    }

    /// Upstream calls under way, over all keys.
    public var callsUnderWay: Int { table.withLock { $0.keys.values.reduce(0) { $0 + $1.inUse } } }

    /// Callers in line for a slot.
    public var callersWaiting: Int { table.withLock { $0.waiters.count } }

    @discardableResult
    func withHealth<T>(of key: HealthKey, in table: inout Table, _ body: (inout KeyHealth) -> T) -> T { body(&table.keys[key, default: KeyHealth()]) }

    /// Forgets an eighth of the keys when there are too many: idle ones, healthy before ailing, the least
    /// recently used first.
    private static func make(room capacity: Int, for key: HealthKey, in table: inout Table) {
        guard table.keys.count >= capacity, table.keys[key] == nil else { return }
        let idle = table.keys.filter(\.value.isIdle).sorted {
            ($0.value.breaker.isClosed ? 0 : 1, $0.value.lastUse) < ($1.value.breaker.isClosed ? 0 : 1, $1.value.lastUse)
        }
        for (key, _) in idle.prefix(max(1, capacity / 8)) { table.keys[key] = nil }
    }
}
