import Store
import Synchronization

/// Leave to spend: holds a reservation until ``Meter/settle(_:_:)`` replaces it by what was used.
/// An admission that is given up without that frees its reservation.
public final class Admission: Sendable {
    public let user: String
    public let minion: String?
    let account: MeterAccount
    let ask: ScopeUse.Ask
    private let rates: Rates
    /// Keys on which it holds a reservation too; changed under the account's lock.
    let keys = Mutex<Set<String>>([])
    private let isOpen = Atomic<Bool>(true)
    private let clock: @Sendable () -> Int

    init(account: MeterAccount, minion: String?, ask: ScopeUse.Ask, rates: Rates, clock: @escaping @Sendable () -> Int) {
        user = account.user
        self.minion = minion
        self.account = account
        self.ask = ask
        self.rates = rates
        self.clock = clock
    }

    /// `x-ratelimit-*`, for every reply.
    public var headers: [(String, String)] { rates.headers }

    /// True for the first caller only.
    func end() -> Bool { isOpen.exchange(false, ordering: .relaxed) }

    deinit {
        if end() { account.settle(self, keys: keys.withLock { $0 }, [], now: clock()) { _ in } }
    }
}
