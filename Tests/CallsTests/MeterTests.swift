import Calls
import Domain
import Foundation
import Providers
import Store
import Synchronization
import TestMeters
import Testing

private final class Tally: Sendable {
    let spent = Mutex(0.0)
    let refused = Mutex(0)
}

@Suite struct MeterTests {
    /// Admits, or says what was in the way.
    private func refusal(_ meter: Meter, _ user: String, minion: String? = nil, tokens: Int = 10, cost: Double? = 0.01) async throws -> LimitExceeded?
    {
        do {
            meter.settle(try await meter.admit(user: user, minion: minion, tokens: tokens, cost: cost), [])
            return nil
        } catch let exceeded as LimitExceeded { return exceeded }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func requestsAtTheSameTimeDoNotOverspendABudget(seed: UInt64) async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            let budget = 0.505
            try await rows.setLimits(.having { $0.costPerDay = budget }, for: seed % 2 == 0 ? .user : .minion(minion.id))
            let tally = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let estimate = 0.005 + Double((UInt64(number) &* 2_654_435_761 &+ seed) % 100) / 5000
                        do {
                            let admission = try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 10, cost: estimate)
                            await Task.yield()
                            let actual = estimate * Double(number % 3) / 2
                            metered.meter.settle(admission, [metered.record(minion: minion.id, cost: actual)])
                            tally.spent.withLock { $0 += actual }
                        } catch is LimitExceeded { tally.refused.withLock { $0 += 1 } }
                    }
                }
                try await group.waitForAll()
            }
            let spent = tally.spent.withLock { $0 }
            let refused = tally.refused.withLock { $0 }
            #expect(spent <= budget + 1e-9)
            #expect(refused > 0)
            #expect(metered.meter.refusals["cost_per_day"] == refused)
            // What was reserved and not used is given back: all that is left can be asked for, and no more.
            let left = budget - spent
            #expect(try await refusal(metered.meter, rows.userID, minion: minion.id, cost: left - 1e-6) == nil)
            #expect(try await refusal(metered.meter, rows.userID, minion: minion.id, cost: left + 1e-6)?.what == .costPerDay)
            let report = try await metered.meter.report(user: rows.userID, .minion(minion.id))
            let used = try #require(report.limits.first { $0.name == .costPerDay }?.used)
            #expect(abs(used - spent) < 1e-9)
        }
    }

    @Test func reservationsAloneFillABudget() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(.having { $0.costPerMonth = 0.1 }, for: .user)
            var held: [Admission] = []
            for _ in 0..<10 { held.append(try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: 0.01)) }
            let exceeded = try #require(try await refusal(metered.meter, rows.userID))
            #expect(exceeded.what == .costPerMonth && exceeded.scope == .user && abs(exceeded.used - 0.1) < 1e-9)
            #expect(exceeded.retryAfter == 1, "the requests under way may give some of it back")
            #expect(try await refusal(metered.meter, rows.userID, cost: 0) == nil, "what is free passes")
            // Given up without being settled: the reservation goes with it.
            held.removeLast()
            #expect(try await refusal(metered.meter, rows.userID) == nil)
            for admission in held { metered.meter.settle(admission, [metered.record(cost: 0.002)]) }
            #expect(try await refusal(metered.meter, rows.userID, cost: 0.08) == nil)
            #expect(try await refusal(metered.meter, rows.userID, cost: 0.09)?.retryAfter ?? 0 > 86_400)
        }
    }

    @Test func aNewProcessKnowsWhatTheOldOneSpent() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            try await rows.setLimits(
                .having {
                    $0.requestsPerDay = 3; $0.tokensPerDay = 100; $0.costPerDay = 1
                }, for: .minion(minion.id))
            for _ in 0..<2 {
                let admission = try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 10, cost: 0.1)
                // Two attempts of one answer are one request.
                let answer = UUID().uuidString
                metered.meter.settle(
                    admission,
                    [
                        metered.record(minion: minion.id, answer: answer, tokens: 20, cost: 0.2),
                        metered.record(minion: minion.id, answer: answer, tokens: 5, cost: 0.1),
                    ])
            }
            let journal = try metered.journalAgain()
            let meter = metered.meterAgain(journal)
            for meter in [metered.meter, meter] {
                let report = try await meter.report(user: rows.userID, .minion(minion.id))
                let used = Dictionary(uniqueKeysWithValues: report.limits.map { ($0.name, $0.used) })
                #expect(used[.requestsPerDay] == 2 && used[.tokensPerDay] == 50)
                #expect(abs((used[.costPerDay] ?? 0) - 0.6) < 1e-9)
            }
            #expect(try await refusal(meter, rows.userID, minion: minion.id, tokens: 51)?.what == .tokensPerDay)
            #expect(try await refusal(meter, rows.userID, minion: minion.id, cost: 0.41)?.what == .costPerDay)
            meter.settle(try await meter.admit(user: rows.userID, minion: minion.id, tokens: 1, cost: 0), [metered.record(minion: minion.id)])
            #expect(try await refusal(meter, rows.userID, minion: minion.id, tokens: 1, cost: 0)?.what == .requestsPerDay)
        }
    }

    @Test func aLimitThatIsSetLaterCountsWhatWasUsedBefore() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let admission = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: 0.01)
                        // In the middle of it the sums are read for the first time.
                        if number == 50 { _ = try await metered.meter.report(user: rows.userID) }
                        metered.meter.settle(
                            admission,
                            [metered.record(answer: "\(number)", tokens: 1, cost: 0.01), metered.record(answer: "\(number)", tokens: 1, cost: 0.01)])
                    }
                }
                try await group.waitForAll()
            }
            let used = Dictionary(uniqueKeysWithValues: try await metered.meter.report(user: rows.userID).user.limits.map { ($0.name, $0.used) })
            #expect(used[.requestsPerDay] == 100 && used[.tokensPerDay] == 200)
            #expect(abs((used[.costPerDay] ?? 0) - 2) < 1e-9 && abs((used[.costPerMonth] ?? 0) - 2) < 1e-9)
            try await rows.setLimits(.having { $0.requestsPerDay = 100 }, for: .user)
            metered.meter.limitsChanged()
            #expect(try await refusal(metered.meter, rows.userID)?.what == .requestsPerDay, "a change holds at once")
            try await rows.setLimits(.having { $0.requestsPerDay = 101 }, for: .user)
            metered.meter.limitsChanged()
            #expect(try await refusal(metered.meter, rows.userID) == nil)
        }
    }

    @Test func daysAndMonthsBeginAnew() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(
                .having {
                    $0.costPerDay = 1; $0.costPerMonth = 2
                }, for: .user)
            func spend(_ cost: Double) async throws {
                metered.meter.settle(
                    try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: cost), [metered.record(cost: cost)])
            }
            try await spend(1)
            let today = try #require(try await refusal(metered.meter, rows.userID))
            #expect(today.what == .costPerDay && today.retryAfter == 43_200)
            #expect(today.resetsAt == metered.clock.now.addingTimeInterval(43_200))
            // A request of yesterday that ends today is yesterday's.
            let late = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: 0)
            let began = metered.clock.now
            metered.clock.advance(43_200)
            metered.meter.settle(late, [metered.record(cost: 0.5, at: began)])
            try await spend(0.5)
            let month = try #require(try await refusal(metered.meter, rows.userID))
            #expect(month.what == .costPerMonth && abs(month.used - 2) < 1e-9)
            #expect(month.resetsAt == Date(timeIntervalSince1970: 1_796_083_200), "the first of December")
            metered.clock.advance(7 * 86_400)
            try await spend(1)
        }
    }

    @Test func ratesRefillAndSayHowLongToWait() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(.having { $0.requestsPerMinute = 6 }, for: .user)
            for _ in 0..<6 { #expect(try await refusal(metered.meter, rows.userID) == nil) }
            let exceeded = try #require(try await refusal(metered.meter, rows.userID))
            #expect(exceeded.what == .requestsPerMinute && exceeded.retryAfter == 10)
            #expect(
                Dictionary(uniqueKeysWithValues: exceeded.headers) == [
                    "x-ratelimit-limit-requests": "6", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0s",
                ])
            metered.clock.advance(10)
            #expect(try await refusal(metered.meter, rows.userID) == nil)
            #expect(try await refusal(metered.meter, rows.userID) != nil)
        }
    }

    @Test func tokensTakenOnEstimateAreMadeGood() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(.having { $0.tokensPerMinute = 600 }, for: .user)
            let small = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 500, cost: 0)
            #expect(small.headers.contains { $0 == ("x-ratelimit-remaining-tokens", "100") })
            #expect(try await refusal(metered.meter, rows.userID, tokens: 200)?.retryAfter == 10)
            metered.meter.settle(small, [metered.record(tokens: 100)])
            #expect(try await refusal(metered.meter, rows.userID, tokens: 200) == nil)
            // More than a minute's worth needs a full bucket, and its excess is waited for afterwards.
            metered.clock.advance(60)
            let large = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1200, cost: 0)
            metered.meter.settle(large, [metered.record(tokens: 1200)])
            #expect(try await refusal(metered.meter, rows.userID, tokens: 600)?.retryAfter == 120)
        }
    }

    @Test func concurrentRequestsAreCounted() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            try await rows.setLimits(.having { $0.concurrentRequests = 2 }, for: .minion(minion.id))
            let first = try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 1, cost: nil)
            let second = try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 1, cost: nil)
            let exceeded = try #require(try await refusal(metered.meter, rows.userID, minion: minion.id))
            #expect(exceeded.what == .concurrentRequests && exceeded.scope == .minion && exceeded.retryAfter == 1)
            #expect(try await refusal(metered.meter, rows.userID, minion: "min_other") == nil)
            metered.meter.settle(first, [])
            metered.meter.settle(first, [])
            #expect(try await refusal(metered.meter, rows.userID, minion: minion.id) == nil)
            metered.meter.settle(second, [])
        }
    }

    @Test func theSuperusersWordGoesBeforeTheDefaultAndTheStricterOfTwoHolds() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            func limit() async throws -> (Double?, LimitExceeded.Scope?) {
                metered.meter.limitsChanged()
                let use = try await metered.meter.report(user: rows.userID).user.limits.first { $0.name == .requestsPerDay }
                return (use?.limit, use?.scope)
            }
            try await metered.store.limits.setDefaults(.having { $0.requestsPerDay = 10 })
            #expect(try await limit() == (10, .default))
            try await rows.setLimits(.having { $0.requestsPerDay = 20 }, for: .user)
            #expect(try await limit() == (20, .user))
            try await rows.setLimits(.having { $0.requestsPerDay = 50 }, for: .own)
            #expect(try await limit() == (20, .user), "a user cannot lift what is set for them")
            try await rows.setLimits(.having { $0.requestsPerDay = 5 }, for: .own)
            #expect(try await limit() == (5, .user))
            try await rows.setLimits(Limits(), for: .own)
            try await rows.setLimits(.having { $0.unlimited = ["requests_per_day"] }, for: .user)
            #expect(try await limit() == (nil, nil))
        }
    }

    @Test func anUnknownPriceIsCountedAndRefusedWhereTheBudgetSaysSo() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(.having { $0.costPerDay = 1 }, for: .user)
            let admission = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: nil)
            metered.meter.settle(admission, [metered.record(cost: nil)])
            let report = try await metered.meter.report(user: rows.userID)
            #expect(report.user.unpricedRequests == 1 && report.user.limits.first { $0.name == .costPerDay }?.used == 0)
            try await rows.setLimits(
                .having {
                    $0.costPerDay = 1; $0.unpriced = .refuse
                }, for: .user)
            metered.meter.limitsChanged()
            let exceeded = try #require(try await refusal(metered.meter, rows.userID, cost: nil))
            #expect(exceeded.isUnpriced && exceeded.what == .costPerDay)
            // A request that has a priced route goes in, and its unpriced route is refused on the way.
            let mixed = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: 0.01)
            let gate = metered.meter.gate(mixed)
            try gate(Route(provider: "openai", model: "gpt-4o-mini", endpoint: Endpoint(baseURL: "http://x")))
            #expect(throws: ProviderError.self) { try gate(Route(provider: "custom", model: "x", endpoint: Endpoint(baseURL: "http://x"))) }
        }
    }

    @Test func aKeyBeyondItsBudgetIsLeftOutAndOthersAreNot() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let one = try await rows.createProviderKey("openai", key: "sk-0123456789ab", baseURL: nil)
            let two = try await rows.createProviderKey("groq", key: "gsk-0123456789ab", baseURL: nil)
            try await rows.setLimits(.having { $0.costPerDay = 0.03 }, for: .key(one.id))
            func route(_ key: ProviderKey) -> Route {
                Route(provider: "openai", model: "gpt-4o-mini", endpoint: Endpoint(baseURL: "http://x"), keyID: key.id)
            }
            var admissions: [Admission] = []
            for _ in 0..<4 { admissions.append(try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: 0.01)) }
            for admission in admissions[..<3] {
                try metered.meter.gate(admission)(route(one))
                try metered.meter.gate(admission)(route(one))  // A retry reserves nothing more.
            }
            do {
                try metered.meter.gate(admissions[3])(route(one))
                Issue.record("the fourth passed")
            } catch let error as ProviderError {
                #expect(error.kind == .budget && error.retryAfter == 1 && !error.isRetryable)
            }
            try metered.meter.gate(admissions[3])(route(two))
            for admission in admissions[..<3] { metered.meter.settle(admission, [metered.record(key: one.id, cost: 0.009)]) }
            metered.meter.settle(admissions[3], [metered.record(key: two.id, cost: 0.009)])
            let last = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: 0.01)
            #expect(throws: ProviderError.self) { try metered.meter.gate(last)(route(one)) }
            let report = try await metered.meter.report(user: rows.userID, .key(one.id))
            #expect(abs((report.limits.first { $0.name == .costPerDay }?.used ?? 0) - 0.027) < 1e-9)
        }
    }

    /// Trap 4: budgets that a new key resets.
    @Test func trap_4_replacingAKeyResetsNoBudget() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            var key = try await rows.createProviderKey("openai", key: "sk-0123456789ab", baseURL: nil)
            try await rows.setLimits(.having { $0.costPerMonth = 1 }, for: .user)
            try await rows.setLimits(.having { $0.costPerMonth = 1 }, for: .minion(minion.id))
            try await rows.setLimits(.having { $0.costPerMonth = 1 }, for: .key(key.id))
            metered.meter.settle(
                try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 1, cost: 1),
                [metered.record(minion: minion.id, key: key.id, cost: 1)])
            let again = metered.meterAgain(try metered.journalAgain())
            key = try await rows.updateProviderKey("openai", key: "sk-another-one-9", settings: key.settings)
            for meter in [metered.meter, again] {
                #expect(try await meter.report(user: rows.userID, .key(key.id)).limits.first { $0.name == .costPerMonth }?.remaining == 0)
            }
            try await rows.deleteProviderKey("openai")
            _ = try await rows.createProviderKey("openai", key: "sk-a-third-one-9", baseURL: nil)
            _ = try await rows.regenerateMinionToken(minion.id)
            for meter in [metered.meter, again] {
                meter.limitsChanged()
                #expect(try await refusal(meter, rows.userID, minion: minion.id)?.what == .costPerMonth)
                #expect(try await meter.report(user: rows.userID, .minion(minion.id)).limits.first { $0.name == .costPerMonth }?.remaining == 0)
            }
        }
    }

    @Test func startsOfJobsAreCountedAndDeletingAJobTakesNoneBack() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            try await rows.setLimits(.having { $0.trainingJobsPerDay = 2 }, for: .user)
            func start() async throws {
                let job = try await rows.createJob(.init(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: []))
                _ = try await metered.meter.startingJob(user: rows.userID, minion: minion.id) { try await rows.startJob(job.id) }
                _ = try await rows.stopJob(job.id)
                _ = try await rows.deleteJob(job.id)
            }
            await #expect(throws: StoreError.self) {
                try await metered.meter.startingJob(user: rows.userID, minion: minion.id) { throw StoreError.invalidState("x") }
            }
            try await start()
            try await start()
            do {
                try await start()
                Issue.record("the third started")
            } catch let exceeded as LimitExceeded {
                #expect(exceeded.what == .trainingJobsPerDay && exceeded.used == 2 && exceeded.retryAfter == 43_200)
            }
            metered.clock.advance(43_200)
            try await start()
        }
    }

    @Test func uploadsAtTheSameTimeShareTheRoomThereIs() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.setLimits(.having { $0.storageBytes = 100 }, for: .user)
            let one = try await metered.meter.storage(user: rows.userID)
            let two = try await metered.meter.storage(user: rows.userID)
            try one.take(60)
            #expect(throws: LimitExceeded.self) { try two.take(41) }
            try two.take(40)
            two.keep()
            #expect(throws: LimitExceeded.self) { try one.take(1) }
            var three: StorageReservation? = try await metered.meter.storage(user: rows.userID)
            // The row of `two` is not there: what counts is what the rows say, and what is on its way.
            try three?.take(40)
            three = nil
            #expect(metered.meter.refusals["storage_bytes"] == 2)
        }
    }

    /// No count refunds a quota, ends the process or fills a quota for good.
    @Test(arguments: [-1_000_000, Int.min, Int.max, 5_000_000_000_000_000_000])
    func anImpossibleCountChangesNoQuota(tokens: Int) async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            for target in [LimitTarget.user, .minion(minion.id)] {
                try await rows.setLimits(
                    .having {
                        $0.tokensPerDay = 100; $0.tokensPerMinute = 1000
                    }, for: target)
            }
            for _ in 0..<3 {
                let admission = try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 20, cost: 0.01)
                metered.meter.settle(
                    admission, [metered.record(minion: minion.id, tokens: tokens, cost: nil), metered.record(minion: minion.id, tokens: 20)])
            }
            for meter in [metered.meter, metered.meterAgain(try metered.journalAgain())] {
                let used = try await meter.report(user: rows.userID).user.limits.first { $0.name == .tokensPerDay }?.used
                #expect(used == 60)
                #expect(try await refusal(meter, rows.userID, minion: minion.id, tokens: 40) == nil)
                #expect(try await refusal(meter, rows.userID, minion: minion.id, tokens: 41)?.what == .tokensPerDay)
            }
        }
    }

    /// However much is asked for, reservations add up to a number, and are given back.
    @Test func askingForEverythingReservesANumber() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            var held: [Admission] = []
            for _ in 0..<20 { held.append(try await metered.meter.admit(user: rows.userID, minion: nil, tokens: .max, cost: .infinity)) }
            held.append(try await metered.meter.admit(user: rows.userID, minion: nil, tokens: .min, cost: -.infinity))
            held.append(try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 1, cost: .nan))
            let used = try await metered.meter.report(user: rows.userID).user.limits
            #expect(used.allSatisfy { $0.used.isFinite && $0.used >= 0 })
            for admission in held { metered.meter.settle(admission, []) }
            try await rows.setLimits(
                .having {
                    $0.tokensPerDay = 10; $0.costPerDay = 1
                }, for: .user)
            #expect(try await refusal(metered.meter, rows.userID, tokens: 10, cost: 1) == nil)
            // A limit of a row that no request can set.
            try await rows.setLimits(.having { $0.tokensPerDay = .max }, for: .user)
            #expect(try await refusal(metered.meter, rows.userID, tokens: .max, cost: 1) == nil)
        }
    }

    /// Prints how fast it is; whether it is fast is not asserted.
    @Test func admittingAndSettlingIsMeasured() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            try await rows.setLimits(
                .having {
                    $0.costPerDay = 1e9; $0.requestsPerMinute = 1_000_000_000; $0.tokensPerDay = 1_000_000_000
                }, for: .user)
            try await rows.setLimits(.having { $0.costPerMonth = 1e9 }, for: .minion(minion.id))
            let record = metered.record(minion: minion.id, cost: 1e-6)
            let rounds = 20_000
            let clock = ContinuousClock()
            let bare = try await clock.measure {
                for _ in 0..<rounds {
                    metered.meter.settle(try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 10, cost: 1e-6), [])
                }
            }
            let journaled = try await clock.measure {
                for _ in 0..<rounds {
                    metered.meter.settle(try await metered.meter.admit(user: rows.userID, minion: minion.id, tokens: 10, cost: 1e-6), [record])
                }
            }
            print("meter: admit and settle \(bare / rounds), with a journaled record \(journaled / rounds)")
            #expect(try await metered.meter.report(user: rows.userID).user.limits.first { $0.name == .tokensPerDay }?.used == Double(rounds * 10))
        }
    }
}
