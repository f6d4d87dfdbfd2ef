import Foundation
import Store
import Testing

@Suite struct UsageReportTests {
    private static let noon = Date(timeIntervalSince1970: 1_790_164_800)  // 2026-09-23T12:00:00Z

    private func record(
        _ latency: Double = 1, at: Date = noon, minion: String? = "min_1", provider: String = "p", model: String = "m", key: String? = nil,
        first: Double? = nil, cost: Double? = 1, input: Int? = 10, outcome: String = "ok"
    ) -> UsageRecord {
        UsageRecord(
            minionID: minion, answerID: nil, keyID: key, purpose: "answer", provider: provider, model: model, at: at, inputTokens: input,
            outputTokens: input.map { $0 * 2 }, cachedTokens: nil, cacheWriteTokens: 3, reasoningTokens: 4, isEstimate: false, cost: cost,
            latencyMilliseconds: latency, firstTokenMilliseconds: first, outcome: outcome)
    }

    private func withRows(_ body: (UserStore, TemporaryStore) async throws -> Void) async throws {
        try await withStore { store in try await body(store.store.user(try await store.user("ann").id), store) }
    }

    /// Nearest rank, against the definition: the ceil(p·n/100)-th smallest.
    @Test(arguments: [1, 2, 3, 19, 20, 21, 99, 100, 101, 250])
    func percentilesAreExactByNearestRank(count: Int) async throws {
        try await withRows { rows, _ in
            let values = (1...count).map { Double($0 * $0) }
            try await rows.recordUsage(values.shuffled().map { record($0, first: $0 / 2) } + [record(1e9, outcome: "timeout")])
            let row = try #require(try await rows.usageReport(.init()).rows.first)
            func nearest(_ p: Int) -> Double { values[(p * count + 99) / 100 - 1] }
            #expect(row.latencyMilliseconds == .init(p50: nearest(50), p95: nearest(95), p99: nearest(99)))
            #expect(row.firstTokenMilliseconds == .init(p50: nearest(50) / 2, p95: nearest(95) / 2, p99: nearest(99) / 2))
            #expect(row.requests == count + 1 && row.failures == 1)
        }
    }

    @Test func callsWithoutAFirstTokenDoNotCountForIt() async throws {
        try await withRows { rows, _ in
            try await rows.recordUsage([record(1, first: nil), record(2, first: 7), record(3, first: nil)])
            let row = try #require(try await rows.usageReport(.init()).rows.first)
            #expect(row.firstTokenMilliseconds == .init(p50: 7, p95: 7, p99: 7) && row.latencyMilliseconds?.p50 == 2)
            try await rows.recordUsage([record(4, provider: "q", outcome: "timeout")])
            let failed = try #require(try await rows.usageReport(.init(groupBy: [.provider])).rows.first { $0.provider == "q" })
            #expect(failed.latencyMilliseconds == nil && failed.firstTokenMilliseconds == nil && failed.errorRate == 1)
        }
    }

    @Test func whatIsUnknownCancelledOrCachedIsCountedApart() async throws {
        try await withRows { rows, _ in
            try await rows.recordUsage([
                record(cost: 0.5), record(cost: nil), record(cost: nil, input: nil, outcome: "authentication"),
                record(cost: 0.25, outcome: "cancelled"),
                record(cost: 0, input: nil, outcome: "cache_hit"),
            ])
            let row = try #require(try await rows.usageReport(.init()).rows.first)
            #expect(row.requests == 4 && row.failures == 1 && row.cancelled == 1 && row.cacheHits == 1 && row.errorRate == 0.25)
            #expect(row.cost == 0.75 && row.unpricedRequests == 1)
            #expect(row.inputTokens == 30 && row.outputTokens == 60 && row.cacheWriteTokens == 15 && row.reasoningTokens == 20)
            let summary = try #require(try await rows.usageSummary().first)
            #expect(summary.requests == 4 && summary.failures == 1 && summary.cost == 0.75)
        }
    }

    @Test func anyCombinationOfDimensionsAddsUpToTheWhole() async throws {
        try await withRows { rows, _ in
            var records: [UsageRecord] = []
            for number in 0..<60 {
                records.append(
                    record(
                        Double(number), at: Self.noon.addingTimeInterval(Double(number) * 7200), minion: number % 5 == 0 ? nil : "min_\(number % 2)",
                        provider: "p\(number % 3)", model: "m\(number % 4)", key: number % 7 == 0 ? nil : "key_\(number % 2)"))
            }
            try await rows.recordUsage(records)
            let all: [UsageQuery.Dimension] = [.day, .minion, .provider, .model, .key]
            for bits in 0..<32 {
                let dimensions = all.enumerated().filter { bits & (1 << $0.offset) != 0 }.map(\.element)
                let report = try await rows.usageReport(.init(groupBy: dimensions))
                #expect(report.rows.reduce(0) { $0 + $1.requests } == 60 && report.groupBy == dimensions && !report.isTruncated)
                let names = report.rows.map { "\([$0.day, $0.minionID, $0.provider, $0.model, $0.keyID])" }
                #expect(Set(names).count == names.count, "a group stands in one row")
            }
        }
    }

    @Test func daysAreThoseOfTheOffsetAndBoundsHold() async throws {
        try await withRows { rows, _ in
            let late = Self.noon.addingTimeInterval(11.5 * 3600)  // 23:30 UTC
            try await rows.recordUsage([record(at: Self.noon), record(at: late)])
            func days(_ offset: Int) async throws -> [String?] { try await rows.usageReport(.init(groupBy: [.day], offset: offset)).rows.map(\.day) }
            #expect(try await days(0) == ["2026-09-23"])
            #expect(try await days(2 * 3600) == ["2026-09-23", "2026-09-24"])
            #expect(try await days(-13 * 3600) == ["2026-09-22", "2026-09-23"])
            #expect(try await rows.usageReport(.init(from: late)).rows.first?.requests == 1)
            #expect(try await rows.usageReport(.init(to: late)).rows.first?.requests == 1)
            #expect(try await rows.usageReport(.init(from: late.addingTimeInterval(1))).rows.isEmpty)
            #expect(try await rows.usage(.first, .init(from: late)).items.count == 1)
        }
    }

    /// Trap 14.
    @Test func aUsersReportHasNothingOfAnothers() async throws {
        try await withRows { rows, store in
            let bob = store.store.user(try await store.user("bob").id)
            try await rows.recordUsage([record(provider: "anns")])
            try await bob.recordUsage([record(provider: "bobs"), record(provider: "bobs")])
            #expect(try await rows.usageReport(.init(groupBy: [.provider])).rows.map(\.provider) == ["anns"])
            let everybody = try await store.store.usageReport(.init(groupBy: [.user, .provider])).rows
            #expect(Set(everybody.map(\.userID)) == [rows.userID, bob.userID] && everybody.reduce(0) { $0 + $1.requests } == 3)
        }
    }
}
