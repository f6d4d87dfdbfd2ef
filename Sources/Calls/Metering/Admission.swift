import Domain
import Foundation
import Providers
import Store
import Synchronization

/// Leave to spend: holds a reservation until ``Meter/settle(_:_:)`` replaces it by what was used.
/// An admission that is given up without that frees its reservation.
public final class Admission: Sendable {
    /// The question that the current task answers: what its stages ask of models beside the answer, such as the vector of a
    /// question, is part of that one request.
    @TaskLocal package static var question: Admission?

    public let user: String
    public let minion: String?
    let account: MeterAccount
    let ask: ScopeUse.Ask
    /// The same with its cost as a superuser's budget counts it.
    let counted: ScopeUse.Ask
    /// The most tokens of a reply that are reserved, where nobody else has bounded it and a budget has to hold.
    package let longestReply: Int?
    /// Whether a reply may be cut that would be whole at another time: it is not kept for the next who asks.
    package var wasBounded: Bool { longestReply != nil }
    /// What it holds on a key: a key's rate counts calls to its vendor, whatever they are part of.
    var keyAsk: ScopeUse.Ask { ScopeUse.Ask(tokens: ask.tokens, cost: ask.cost) }
    let prices: PriceBook
    /// Whether the two may differ.
    let countsApart: Bool
    /// What one call of it may use.
    let estimate: TokenUsage
    /// Of its calls, as their records have it.
    let purpose: String
    private let rates: Rates
    /// The request this is a part of; nil where it is one of its own.
    private let whole: Admission?
    /// The id of the request's first call, and where the request is counted already; of the whole request alone. `counts` is
    /// changed under the account's lock.
    private let request = Mutex<(id: String?, counts: RequestCounts)>((nil, RequestCounts()))
    /// Keys on which it holds a reservation too; changed under the account's lock.
    let keys = Mutex<Set<String>>([])
    /// Calls that were let through, in their order.
    private let calls = Mutex<[Call]>([])
    /// What calls of it have cost that failed, and how much of that is reserved beside ``ask``; changed under the account's lock.
    let failed = Mutex<(spent: (paid: Double, counted: Double), held: (paid: Double, counted: Double))>(((0, 0), (0, 0)))
    private let isOpen = Atomic<Bool>(true)
    private let journal: UsageJournal
    private let clock: @Sendable () -> Int

    private struct Call {
        var id: String
        var provider: String
        var model: String
        var key: String?
        /// Another has followed it: one call of a request is under way at a time.
        var isOver = false
    }

    init(
        account: MeterAccount, minion: String?, ask: ScopeUse.Ask, counted: ScopeUse.Ask, longestReply: Int?, prices: PriceBook, countsApart: Bool,
        estimate: TokenUsage, purpose: String, rates: Rates, whole: Admission? = nil, journal: UsageJournal,
        clock: @escaping @Sendable () -> Int
    ) {
        user = account.user
        self.minion = minion
        self.account = account
        self.ask = ask
        self.counted = counted
        self.longestReply = longestReply
        self.prices = prices
        self.countsApart = countsApart
        self.estimate = estimate
        self.purpose = purpose
        self.journal = journal
        self.rates = rates
        self.whole = whole
        self.clock = clock
    }

    /// `x-ratelimit-*`, for every reply.
    public var headers: [(String, String)] { rates.headers }

    /// Puts a call that is about to be sent into the journal.
    func begin(_ route: Route, price: Price?, answerID: String?) {
        var call = UsageRecord(
            minionID: minion, answerID: answerID, keyID: route.keyID, purpose: purpose, provider: route.provider, model: route.model,
            at: Date(milliseconds: Int64(clock())), inputTokens: estimate.input, outputTokens: estimate.output, cachedTokens: nil, isEstimate: true,
            cost: price?.cost(estimate), latencyMilliseconds: 0, firstTokenMilliseconds: nil, outcome: UsageRecord.interrupted)
        if countsApart { call.countedCost = prices.counted(call) }
        call.requestID = requestID(first: call.id)
        let over: [String] = calls.withLock { calls in
            let over = calls.last.flatMap { $0.isOver ? nil : $0.id }
            if !calls.isEmpty { calls[calls.count - 1].isOver = true }
            calls.append(Call(id: call.id, provider: route.provider, model: route.model, key: route.keyID))
            return over.map { [$0] } ?? []
        }
        journal.begin(call, user: user, ended: over)
    }

    /// The id of the request's first call.
    /// - Parameter first: that id, where there was none before.
    private func requestID(first: String) -> String {
        if let whole { return whole.requestID(first: first) }
        return request.withLock { request in
            if let id = request.id { return id }
            request.id = first
            return first
        }
    }

    /// Where the request is counted already; the caller holds the account's lock.
    func withCounts<T>(_ body: (inout RequestCounts) -> T) -> T {
        if let whole { return whole.withCounts(body) }
        return request.withLock { body(&$0.counts) }
    }

    /// Gives records the ids under which their calls were begun, and their request's.
    /// - Returns: the records, and the calls that none is of.
    func identify(_ records: [UsageRecord]) -> (records: [UsageRecord], others: [String]) {
        var calls = calls.withLock { $0 }
        var records = records
        for index in records.indices where !calls.isEmpty {
            let record = records[index]
            if let place = calls.firstIndex(where: { $0.provider == record.provider && $0.model == record.model && $0.key == record.keyID }) {
                records[index].id = calls.remove(at: place).id
            }
        }
        if let first = records.first {
            let request = requestID(first: first.id)
            for index in records.indices { records[index].requestID = request }
        }
        return (records, calls.map(\.id))
    }

    /// Takes down what a call has cost: another one, that follows because it failed, costs its own beside it.
    func note(_ attempt: Attempt) {
        guard attempt.outcome != Attempt.ok, attempt.wasSent, let usage = attempt.usage else { return }
        let paid = attempt.cost ?? 0
        let counted = countsApart ? max(paid, prices.counted(attempt.provider, attempt.model, usage) ?? 0) : paid
        failed.withLock { $0.spent = ($0.spent.paid + paid, $0.spent.counted + counted) }
    }

    /// True for the first caller only.
    func end() -> Bool { isOpen.exchange(false, ordering: .relaxed) }

    deinit {
        guard end() else { return }
        account.settle(self, keys: keys.withLock { $0 }, [], now: clock()) { _ in }
        journal.append([], ended: identify([]).others, user: user)
    }
}
