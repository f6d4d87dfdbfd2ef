import Domain
import Foundation
import Providers
import Store
import TestMeters
import Testing

@testable import Calls

@Suite struct PriceBookTests {
    private static func price(_ input: Double, _ output: Double, provider: String = "acme", model: String? = nil) -> Price {
        Price(provider: provider, model: model, input: input, output: output, asOf: "", source: "test")
    }

    private static func route(_ price: Price? = nil, provider: String = "acme", model: String = "m", key: String? = nil) -> Route {
        Route(provider: provider, model: model, endpoint: Endpoint(baseURL: "http://x"), keyID: key, price: price)
    }

    private static let million = TokenUsage(input: 1_000_000, output: 1_000_000)
    private let operators = PriceBook(PriceTable([price(1, 2)], version: "operators"))

    @Test func theDearestRouteIsReserved() {
        let routes = [Self.route(), Self.route(Self.price(3, 4)), Self.route(provider: "nobody")]
        #expect(operators.most(routes, Self.million) == .init(paid: 7, counted: 7))
        // Which route is dearest depends on what is asked of it.
        let pair = [Self.route(Self.price(10, 0.5)), Self.route(Self.price(0.5, 10))]
        #expect(operators.most(pair, TokenUsage(input: 1_000_000, output: 0)).paid == 10)
        #expect(operators.most(pair, TokenUsage(input: 0, output: 1_000_000)).paid == 10)
        // Input that a vendor's cache takes may cost more than other input.
        var cached = Self.price(1, 0)
        cached.cacheWrite = 5
        #expect(operators.most([Self.route(cached)], Self.million).paid == 5)
    }

    @Test func anUnknownPriceIsNoneAndNoRouteCostsNothing() {
        let unknown = [Self.route(provider: "nobody")]
        #expect(operators.most(unknown, Self.million) == .init(paid: nil, counted: nil))
        #expect(operators.most(unknown, Self.million, isLocalToo: true) == .init(paid: 0, counted: 0))
        #expect(operators.most([], Self.million) == .init(paid: 0, counted: 0))
    }

    @Test func aUsersPriceIsPaidAndTheDearerOneIsCounted() {
        func cost(_ own: Price, _ provider: String = "acme") -> PriceBook.Cost { operators.most([Self.route(own, provider: provider)], Self.million) }
        #expect(cost(Self.price(0, 0)) == .init(paid: 0, counted: 3))
        #expect(cost(Self.price(0.5, 0)) == .init(paid: 0.5, counted: 3))
        #expect(cost(Self.price(5, 5)) == .init(paid: 10, counted: 10))
        // Nothing to compare: a price is believed, and a price of nothing is none.
        #expect(cost(Self.price(0.5, 0), "nobody") == .init(paid: 0.5, counted: 0.5))
        #expect(cost(Self.price(0, 0), "nobody") == .init(paid: 0, counted: nil))
    }

    @Test func aDefinitionOfTheUsersOwnIsAUsersPriceToo() {
        let known = PriceTable([Self.price(1, 2)], version: "operators")
        let book = PriceBook(paid: known.adding([Self.price(0, 0), Self.price(0, 0, provider: "mine")]), known: known)
        #expect(book.most([Self.route()], Self.million) == .init(paid: 0, counted: 3))
        #expect(book.most([Self.route(provider: "mine")], Self.million) == .init(paid: 0, counted: nil))
        let record = UsageRecord(
            minionID: nil, answerID: nil, purpose: "answer", provider: "acme", model: "m", at: Date(), inputTokens: 1_000_000,
            outputTokens: 1_000_000, cachedTokens: nil, isEstimate: false, cost: 0, latencyMilliseconds: 1, firstTokenMilliseconds: nil, outcome: "ok"
        )
        #expect(book.counted(record) == 3)
        #expect(operators.counted(record) == 3)
    }

    // MARK: held by the meter

    private func exceeded(_ body: () async throws -> Void) async throws -> LimitExceeded? {
        do { try await body() } catch let exceeded as LimitExceeded { return exceeded }
        return nil
    }

    @Test func aPriceOfZeroLiftsOnesOwnBudgetAndNoImposedOne() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let free = Self.route(Self.price(0, 0))
            func ask(_ count: Int) async throws {
                for _ in 0..<count {
                    let admission = try await metered.meter.admit(
                        user: rows.userID, minion: nil, routes: [free], usage: TokenUsage(input: 100_000, output: 100_000), prices: operators)
                    try metered.meter.gate(admission)(free)
                    var record = metered.record(tokens: 100_000, cost: 0, model: "m")
                    (record.provider, record.outputTokens) = ("acme", 100_000)
                    metered.meter.settle(admission, [record])
                }
            }
            try await rows.setLimits(.having { $0.costPerDay = 1 }, for: .own)
            try await ask(10)
            // What was free for the user has counted all the same: three dollars.
            try await rows.setLimits(.having { $0.costPerDay = 3.5 }, for: .user)
            metered.meter.limitsChanged()
            try await ask(1)
            let refusal = try #require(try await exceeded { try await ask(1) })
            #expect(refusal.what == .costPerDay && refusal.scope == .user && abs(refusal.used - 3.3) < 1e-9)
            // Another process reads the same from the database.
            let again = metered.meterAgain(try metered.journalAgain())
            for meter in [metered.meter, again] {
                let use = try await meter.report(user: rows.userID).user.limits.first { $0.name == .costPerDay }
                #expect(use?.limit == 3.5 && abs((use?.used ?? 0) - 3.3) < 1e-9)
            }
            let paid = try await metered.store.user(rows.userID).usage().items
            #expect(paid.allSatisfy { $0.cost == 0 && abs(($0.countedCost ?? 0) - 0.3) < 1e-9 })
        }
    }

    @Test func aPriceOfZeroThatNobodyElseKnowsIsAnUnknownPrice() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let free = Self.route(Self.price(0, 0), provider: "nobody")
            func admit() async throws -> Admission {
                try await metered.meter.admit(
                    user: rows.userID, minion: nil, routes: [free], usage: TokenUsage(input: 10, output: 10), prices: operators)
            }
            try await metered.store.limits.setDefaults(.having { $0.costPerMonth = 1 })
            try metered.meter.gate(try await admit())(free)
            try await metered.store.limits.setDefaults(
                .having {
                    $0.costPerMonth = 1; $0.unpriced = .refuse
                })
            metered.meter.limitsChanged()
            let refusal = try #require(try await exceeded { _ = try await admit() })
            #expect(refusal.isUnpriced && refusal.what == .costPerMonth && refusal.scope == .default)
            // Where another route lets the request in, this one is refused on the way.
            let mixed = try await metered.meter.admit(
                user: rows.userID, minion: nil, routes: [free, Self.route()], usage: TokenUsage(input: 10, output: 10), prices: operators)
            try metered.meter.gate(mixed)(Self.route())
            #expect(throws: ProviderError.self) { try metered.meter.gate(mixed)(free) }
        }
    }

    @Test(arguments: [LimitTarget.user, .own])
    func whatFailedCallsCostIsReservedBeforeTheNext(target: LimitTarget) async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(.having { $0.costPerDay = 11 }, for: target)
            let one = Self.route()
            func admit() async throws -> Admission {
                try await metered.meter.admit(user: rows.userID, minion: nil, routes: [one], usage: Self.million, prices: operators)
            }
            let (first, second) = (try await admit(), try await admit())
            let gate = metered.meter.gate(first)
            try gate(one)
            func fail() {
                first.note(
                    Attempt(provider: "acme", model: "m", startedAt: Date(), outcome: "cut_stream", usage: Self.million, cost: 3, milliseconds: 1))
            }
            fail()
            try gate(one)  // 3 spent, 4 for the next (its input counts twice), 4 for the second request.
            fail()
            #expect(throws: ProviderError.self, "6 spent, 4 for the next, 4 for the second request") { try gate(one) }
            metered.meter.settle(second, [])
            try gate(one)
            metered.meter.settle(first, [])
            let use = try await metered.meter.report(user: rows.userID).user.limits.first { $0.name == .costPerDay }
            #expect(use?.used == 0, "nothing stays reserved")
        }
    }

    @Test func anOpenReplyIsAsLongAsTheRoomiestKeyAllows() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            func key(_ label: String, budget: Double) async throws -> String {
                let key = try await rows.createProviderKey("acme", key: "sk-\(label)", settings: ProviderKeySettings(label: label))
                try await rows.setLimits(.having { $0.costPerDay = budget }, for: .key(key.id))
                return key.id
            }
            let (rich, poor) = (try await key("rich", budget: 1), try await key("poor", budget: 0))
            func longest(_ keys: String...) async throws -> Int? {
                try await metered.meter.admit(
                    user: rows.userID, minion: nil, routes: keys.map { Self.route(key: $0) }, usage: TokenUsage(input: 10, output: 512),
                    isOpenEnded: true, prices: operators
                ).longestReply
            }
            #expect(try await longest(rich, poor) == 4096)
            #expect(try await longest(poor) == 512, "the gate refuses it then")
            #expect(try await longest() == nil)
        }
    }

    @Test func aJournalKeepsWhatIsCountedAndReadsOlderLines() {
        var record = UsageRecord(
            minionID: nil, answerID: nil, purpose: "answer", provider: "p", model: "m", at: Date(milliseconds: 1_795_435_200_000), inputTokens: 1,
            outputTokens: 1, cachedTokens: nil, isEstimate: false, cost: 0, countedCost: 0.25, latencyMilliseconds: 1, firstTokenMilliseconds: nil,
            outcome: "ok")
        record.requestID = "use_1"
        var line: [UInt8] = []
        UsageLine.append(record, user: "u", to: &line)
        #expect(UsageLine.read(line.dropLast())?.record == record)
        // Of the version before requests had ids, and of the one before costs were counted apart.
        let older = line[..<(line.lastIndex(of: 9) ?? 0)]
        record.requestID = nil
        #expect(UsageLine.read(older)?.record == record)
        let oldest = older[..<(older.lastIndex(of: 9) ?? 0)]
        record.countedCost = nil
        #expect(UsageLine.read(oldest)?.record == record)
        // Of a call under way, too: it is recorded where nothing more is heard of it.
        (record.countedCost, record.isEstimate, record.latencyMilliseconds, record.outcome) = (0.25, true, 0, UsageRecord.interrupted)
        record.requestID = "use_1"
        var begun: [UInt8] = []
        UsageLine.appendBegun(record, user: "u", to: &begun)
        if case .begun(let entry)? = UsageLine.meaning(begun.dropLast()) { #expect(entry.record == record) } else { Issue.record("not begun") }
    }
}
