import Domain
import Foundation
import Logging
import Providers
import Store
import Synchronization

/// Counts what is used and holds it against the limits. Every request that spends is admitted first,
/// which reserves what it may come to, and settled afterwards, which journals and counts what it
/// came to: requests at the same time therefore cannot overspend together.
///
/// Use is kept in memory, read from the database when a limit first needs it. Limits hold within one
/// process: several servers on one database would each allow the whole.
public final class Meter: Sendable {
    let store: Store
    let journal: UsageJournal
    public let prices: PriceTable
    private let accounts: MeterAccounts
    private let clock: @Sendable () -> Date
    /// Raised by every change of any limit.
    private let limitsVersion = Atomic<Int>(0)
    private let refused = Mutex<[LimitName: Int]>([:])

    /// - Parameters:
    ///   - capacity: idle users whose use is kept in memory.
    ///   - clock: for tests.
    public init(
        store: Store, journal: UsageJournal, prices: PriceTable = .standard, capacity: Int = 16_384,
        clock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.store = store
        self.journal = journal
        self.prices = prices
        self.clock = clock
        accounts = MeterAccounts(capacity: capacity)
    }

    /// Requests refused, by the limit they would have passed, since the start.
    public var refusals: [String: Int] {
        refused.withLock { refused in Dictionary(uniqueKeysWithValues: refused.map { ($0.key.rawValue, $0.value) }) }
    }

    /// Reserves what a request may come to: the most that any of the routes may cost.
    /// - Parameters:
    ///   - routes: all that its calls may take, but for models of this server's own.
    ///   - isLocalToo: whether such a model may answer as well.
    ///   - usage: of the call, as it is estimated.
    ///   - tokens: of the whole request, where more than the call uses any.
    ///   - isOpenEnded: whether nobody has said how long the reply may be. Under a budget it may then have
    ///     ``Admission/longestReply``.
    /// - Throws: ``LimitExceeded``.
    public func admit(
        user: String, minion: String?, routes: [Route], isLocalToo: Bool = false, usage: TokenUsage, tokens: Int? = nil,
        isOpenEnded: Bool = false, prices: PriceBook, purpose: String = "answer"
    ) async throws -> Admission {
        func cost(output: Int) -> PriceBook.Cost {
            // Texts of figures, of code or of rare scripts have up to twice the tokens that their length lets one guess.
            let input = min(usage.input, 1 << 40) * 2
            return prices.most(routes, TokenUsage(input: input, output: output), isLocalToo: isLocalToo)
        }
        let open = isOpenEnded ? OpenEnd(keys: routes.compactMap(\.keyID), cost: cost) : nil
        return try await admit(
            user: user, minion: minion, tokens: tokens ?? usage.input + usage.output, cost(output: usage.output), prices,
            countsApart: prices.countsApart(routes), usage, purpose, open: open)
    }

    /// A reply whose length nobody has bounded.
    private struct OpenEnd {
        /// Lengths to reserve, in tokens. The longest is one that every vendor's current models can reply with; the budget decides
        /// which of them it is.
        static let lengths = [4096, 2048, 1024, 512]

        /// That its calls may take.
        let keys: [String]
        let cost: (_ output: Int) -> PriceBook.Cost
    }

    /// Reserves what a request may come to whose cost is certain: no user's price has a part in it.
    /// - Parameters:
    ///   - tokens: input and the most output, estimated.
    ///   - cost: US dollars for them; nil where the price is unknown.
    ///   - usage: what one upstream call may use; nil where all `tokens` are its input.
    ///   - purpose: of the calls, as their records have it.
    /// - Throws: ``LimitExceeded``.
    public func admit(
        user: String, minion: String?, tokens: Int, cost: Double?, usage: TokenUsage? = nil, purpose: String = "answer"
    ) async throws -> Admission {
        try await admit(
            user: user, minion: minion, tokens: tokens, .init(paid: cost, counted: cost), PriceBook(prices), countsApart: false, usage, purpose)
    }

    private func admit(
        user: String, minion: String?, tokens: Int, _ cost: PriceBook.Cost, _ prices: PriceBook, countsApart: Bool, _ usage: TokenUsage?,
        _ purpose: String, open: OpenEnd? = nil
    ) async throws -> Admission {
        try await journal.relief()
        let account = accounts.account(user, now: now)
        // No request comes to more: what is reserved for all of them stays a number.
        let question = Admission.question
        let whole = question.flatMap { $0.user == user && $0.minion == minion ? $0 : nil }
        func asks(_ cost: PriceBook.Cost) -> MeterAccount.Asks {
            let paid = ScopeUse.Ask(tokens: min(max(0, tokens), 1 << 40), cost: cost.paid.map { min(max(0, $0), 1e12) }, isRequest: whole == nil)
            return MeterAccount.Asks(
                paid: paid, counted: ScopeUse.Ask(tokens: paid.tokens, cost: cost.counted.map { min(max(0, $0), 1e12) }, isRequest: paid.isRequest))
        }
        let usual = asks(cost)
        let (rates, ask, longestReply) = try await ready(account) { state, now in
            var (ask, longest) = (usual, Int?.none)
            if let open, usual.mayCost, state.hasBudget(minion: minion, keys: open.keys) {
                for length in OpenEnd.lengths {
                    (ask, longest) = (asks(open.cost(length)), length)
                    if state.hasRoom(ask, minion: minion, keys: open.keys, now: now) { break }
                }
            }
            return state.admit(ask.paid, counted: ask.counted, minion: minion, now: now).map { ($0, ask, longest) }
        }
        var estimate = usage ?? TokenUsage(input: usual.paid.tokens, output: 0, isEstimate: true)
        if let longestReply { estimate.output = longestReply }
        return Admission(
            account: account, minion: minion, ask: ask.paid, counted: ask.counted, longestReply: longestReply, prices: prices,
            countsApart: countsApart,
            estimate: estimate, purpose: purpose, rates: rates, whole: whole,
            journal: journal,
            clock: { [self] in now })
    }

    /// Ends the reservation with what was really used; without records, with nothing. The records are
    /// safe against the end of the process when it returns. Microseconds; does not wait.
    public func settle(_ admission: Admission, _ records: [UsageRecord]) {
        guard admission.end() else { return }
        var (records, others) = admission.identify(records)
        if admission.countsApart { for index in records.indices { records[index].countedCost = admission.prices.counted(records[index]) } }
        admission.account.settle(admission, keys: admission.keys.withLock { $0 }, records, now: now) {
            journal.append($0, ended: others, user: admission.user)
        }
    }

    /// The rate headers of a reply that spends nothing.
    public func headers(user: String, minion: String?) async throws -> [(String, String)] {
        try await ready(accounts.account(user, now: now), needsSums: true) { state, now in
            state.turn(now)
            let own = minion.flatMap { state.settings.minions[$0] } ?? Limits()
            let use = minion.flatMap { state.minions[$0] } ?? ScopeUse()
            return .success(state.user.rates(state.limits, now: now).tightest(use.rates(own, now: now)))
        }.headers
    }

    /// Makes changed limits hold from the next request on.
    public func limitsChanged() { limitsVersion.add(1, ordering: .releasing) }

    var now: Int { Int(clamping: clock().timeIntervalSince1970 * 1000) }

    func account(_ user: String) -> MeterAccount { accounts.account(user, now: now) }

    func count(_ exceeded: LimitExceeded) { refused.withLock { $0[exceeded.what, default: 0] += 1 } }

    /// Runs `body` on an account whose limits, and where they need them its sums, are up to date.
    func ready<T>(
        _ account: MeterAccount, needsSums: Bool = false, _ body: (inout MeterAccount.State, _ now: Int) -> Result<T, LimitExceeded>
    ) async throws -> T {
        while true {
            let version = limitsVersion.load(ordering: .acquiring)
            let step: ReadyStep<T> = account.state.withLock { state in
                guard state.version == version else { return .limits }
                guard state.isOpen || !(state.needsSums || needsSums && (state.limits.needsSums || state.imposed.needsSums)) else { return .sums }
                return .done(body(&state, now))
            }
            switch step {
            case .limits: try await readLimits(account, version: version)
            case .sums: try await openSums(account)
            case .done(.success(let value)): return value
            case .done(.failure(let exceeded)):
                count(exceeded)
                throw exceeded
            }
        }
    }

    private func readLimits(_ account: MeterAccount, version: Int) async throws {
        let settings = try await store.user(account.user).limitSettings()
        account.state.withLock { state in
            state.version = version
            state.settings = settings
            state.limits = settings.exceptImposedBudgets
            state.imposed = settings.imposedBudgets
            state.needsSums =
                state.limits.needsSums || state.imposed.needsSums || settings.minions.values.contains(where: \.needsSums)
                || settings.keys.values.contains(where: \.needsSums)
        }
    }

    /// Reads the day's and the month's sums, once for all who wait for them.
    func openSums(_ account: MeterAccount) async throws {
        let task: Task<Void, any Error>? = account.state.withLock { state in
            if state.isOpen { return nil }
            if let task = state.opening { return task }
            let task = Task {
                do {
                    // What was settled before is in the database after this; what is settled from now on is remembered until the sums are read.
                    do { try await journal.flush() } catch DatabaseError.diskFull {
                        // It can still be read: what it does not take is added from the journal.
                        let waiting = try journal.waiting(of: account.user)
                        account.state.withLock { $0.settled(earlier: waiting) }
                    }
                    let now = now
                    let spent = try await store.user(account.user).spent(
                        day: Date(milliseconds: Int64(Period.dayStart(now))), month: Date(milliseconds: Int64(Period.monthStart(now)))
                    ) { account.state.withLock { $0.settledMeanwhile.map(\.record.id) } }
                    account.state.withLock { $0.open(spent, now: now) }
                } catch {
                    account.state.withLock { state in
                        state.opening = nil
                        state.settledMeanwhile = []
                    }
                    throw error
                }
            }
            state.opening = task
            return task
        }
        try await task?.value
    }
}

/// What an account needs before it can be asked.
private enum ReadyStep<T> {
    case limits, sums
    case done(Result<T, LimitExceeded>)
}
