import Foundation
import Providers
import Store
import Testing

@testable import Pipeline

/// A request counts once, however many calls it took, in the process that served it, after a restart, and in another server of the
/// same database.
@Suite struct RequestCountTests {
    private func route(_ model: String = "m", provider: String = "openai", key: String = "key_1") -> Route {
        Route(provider: provider, model: model, endpoint: Endpoint(baseURL: "http://x"), keyID: key)
    }

    private func record(_ metered: MeteredStore, _ model: String, minion: String? = "min_1", key: String? = "key_1", at: Date? = nil) -> UsageRecord {
        metered.record(minion: minion, key: key, tokens: 1, cost: 0, model: model, at: at)
    }

    /// Of the user, of the minion and of the key, in each of the meters.
    private func counts(_ meters: [Meter], _ user: String) async throws -> [[Double]] {
        var counts: [[Double]] = []
        for meter in meters {
            let report = try await meter.report(user: user)
            let all = [report.user] + report.minions + report.keys
            counts.append(all.map { part in part.limits.first { $0.name == .requestsPerDay }?.used ?? -1 })
        }
        return counts
    }

    /// The one that served, one after a restart, and one of a second server with a journal of its own.
    private func meters(_ metered: MeteredStore) async throws -> [Meter] {
        let folder = metered.folder.appending(path: "second")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // What the first one has written is in the database before the others look.
        try await metered.journal.flush()
        let again = metered.meterAgain(try metered.journalAgain())
        let second = metered.meterAgain(try UsageJournal(folder: folder, usage: metered.store.usage, logger: MeteredStore.logger))
        return [metered.meter, again, second]
    }

    @Test func retriesAndFallbacksOfADirectRequestAreOne() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            for _ in 0..<2 {
                let admission = try await metered.meter.admit(user: rows.userID, minion: "min_1", tokens: 10, cost: 0)
                let gate = metered.meter.gate(admission)
                for model in ["a", "a", "b"] { try gate(route(model)) }
                metered.meter.settle(admission, [record(metered, "a"), record(metered, "a"), record(metered, "b")])
            }
            #expect(try await counts(meters(metered), rows.userID) == [[2, 2, 2], [2, 2, 2], [2, 2, 2]])
            let kept = try await rows.usage().items
            #expect(kept.count == 6 && Set(kept.map(\.request)).count == 2)
            #expect(kept.allSatisfy { record in kept.contains { $0.id == record.requestID } }, "a request is told by its first call")
        }
    }

    /// Draft by a local model, paraphrases and the vector of the question by calls of their own, then the answer.
    @Test func whatAQuestionAsksBesideItsAnswerIsPartOfIt() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            // One request at a time, one a minute, one a day: the parts of a question are no further ones.
            try await rows.setLimits(
                .having {
                    $0.concurrentRequests = 1; $0.requestsPerMinute = 1; $0.requestsPerDay = 1
                }, for: .user)
            let (meter, user) = (metered.meter, rows.userID)
            let question = try await meter.admit(user: user, minion: "min_1", tokens: 10, cost: 0)
            try await Admission.$question.withValue(question) {
                for purpose in ["expansion", "embedding"] {
                    let part = try await meter.admit(user: user, minion: "min_1", tokens: 5, cost: 0, purpose: purpose)
                    try meter.gate(part)(route(purpose))
                    meter.settle(part, [record(metered, purpose)])
                }
            }
            try meter.gate(question, answerID: "ans_1")(route("big"))
            meter.settle(question, [record(metered, "draft", key: nil), record(metered, "big")])
            await #expect(throws: LimitExceeded.self) { try await meter.admit(user: user, minion: "min_1", tokens: 1, cost: 0) }
            #expect(try await counts(meters(metered), user) == [[1, 1, 1], [1, 1, 1], [1, 1, 1]])
            #expect(Set(try await rows.usage().items.map(\.request)).count == 1)
            // What another minion is asked is no part of it.
            await Admission.$question.withValue(question) {
                await #expect(throws: LimitExceeded.self) { try await meter.admit(user: user, minion: "min_2", tokens: 1, cost: 0) }
            }
        }
    }

    @Test func aRequestThatAKillInterruptedIsOne() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let question = try await metered.meter.admit(user: rows.userID, minion: "min_1", tokens: 10, cost: 0)
            let part = try await Admission.$question.withValue(question) {
                try await metered.meter.admit(user: rows.userID, minion: "min_1", tokens: 5, cost: 0)
            }
            try metered.meter.gate(part)(route("embedder"))
            metered.meter.settle(part, [record(metered, "embedder")])
            try metered.meter.gate(question)(route("big"))
            // Nothing more is heard of it.
            let meter = metered.meterAgain(try metered.journalAgain())
            #expect(try await counts([meter], rows.userID) == [[1, 1, 1]])
            #expect(try await rows.usage().items.map(\.outcome).sorted() == [UsageRecord.interrupted, "ok"])
            withExtendedLifetime(question) {}
        }
    }

    @Test func aRequestOverMidnightCountsOnBothDays() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 10, cost: 0)
            _ = try await metered.meter.report(user: rows.userID)
            let before = metered.clock.now
            metered.clock.advance(86_400)
            metered.meter.settle(
                admission,
                [
                    record(metered, "a", minion: nil, key: nil, at: before), record(metered, "b", minion: nil, key: nil),
                    record(metered, "c", minion: nil, key: nil),
                ])
            #expect(try await counts(meters(metered), rows.userID) == [[1], [1], [1]])
        }
    }

    /// Those of earlier versions do not say which request they were of: they count as they did.
    @Test func recordsOfBeforeCountAsBefore() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            try await rows.recordUsage([
                metered.record(answer: "ans_1"), metered.record(answer: "ans_1"), metered.record(), metered.record(),
            ])
            #expect(try await counts([metered.meter], rows.userID) == [[3]])
            #expect(try await rows.usage().items.allSatisfy { $0.requestID == nil })
        }
    }

    /// While the database takes no writes the sums are completed from the journal.
    @Test func recordsThatWaitInTheJournalAreGroupedToo() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await metered.meter.admit(user: rows.userID, minion: nil, tokens: 10, cost: 0)
            metered.meter.settle(admission, (0..<3).map { record(metered, "\($0)", minion: nil, key: nil) })
            let waiting = try metered.journal.waiting(of: rows.userID)
            #expect(waiting.count == 3 && Set(waiting.map(\.requestID)).count == 1)
            var state = MeterAccount.State()
            state.settled(earlier: waiting)
            #expect(state.settledMeanwhile.filter(\.isFirst).count == 1)
        }
    }
}
