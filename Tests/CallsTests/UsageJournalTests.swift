import Calls
import Domain
import Foundation
import Providers
import Store
import TestMeters
import Testing

@Suite struct UsageJournalTests {
    @Test func whatIsAppendedReachesTheDatabaseWithEveryField() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let at = Date(milliseconds: 1_795_435_200_123)
            let full = UsageRecord(
                minionID: "min_1", answerID: "ans_1", keyID: "key_1", purpose: "answer", provider: "custom", model: "a\tb\\t\nc ü 漢", at: at,
                inputTokens: 1, outputTokens: 2, cachedTokens: 3, cacheWriteTokens: 4, reasoningTokens: 5, isEstimate: true, cost: 0.1 + 0.2,
                latencyMilliseconds: 1.0 / 3, firstTokenMilliseconds: 1e-7, outcome: "ok")
            let bare = UsageRecord(
                minionID: nil, answerID: nil, purpose: "test", provider: "p", model: "", at: at, inputTokens: nil, outputTokens: nil,
                cachedTokens: nil, isEstimate: false, cost: nil, latencyMilliseconds: 0, firstTokenMilliseconds: nil, outcome: "timeout")
            metered.journal.append([full, bare], user: rows.userID)
            try await metered.journal.flush()
            let kept = try await rows.usage().items
            #expect(kept.count == 2)
            #expect(kept.first { $0.id == full.id } == full)
            #expect(kept.first { $0.id == bare.id } == bare)
            #expect(metered.journal.backlogBytes == 0)
        }
    }

    @Test func whatAKilledProcessLeftIsRecordedOnce() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            metered.journal.append((0..<10).map { _ in metered.record() }, user: rows.userID)
            try await metered.journal.flush()
            metered.journal.append((0..<5).map { _ in metered.record() }, user: rows.userID)
            // No flush, no close: the file holds all fifteen, the database ten.
            for _ in 0..<2 {
                let again = try metered.journalAgain()
                #expect(again.backlogBytes > 0 || metered.files.isEmpty)
                try await again.flush()
                #expect(try await rows.usageSummary().first?.requests == 15)
                try await again.close()
            }
            #expect(metered.files == [])
        }
    }

    @Test func aTornLastLineLosesOnlyItself() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            metered.journal.append((0..<3).map { _ in metered.record() }, user: rows.userID)
            let file = metered.folder.appending(path: "usage").appending(path: try #require(metered.files.first))
            let whole = try Data(contentsOf: file)
            try whole.dropLast(20).write(to: file)
            let again = try metered.journalAgain()
            again.append([metered.record()], user: rows.userID)
            try await again.flush()
            #expect(try await rows.usageSummary().first?.requests == 3)
        }
    }

    @Test func aLineNobodyCanReadAndAUserWhoIsGoneHoldNothingUp() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            metered.journal.append([metered.record()], user: "usr_gone")
            metered.journal.append([metered.record()], user: rows.userID)
            let file = metered.folder.appending(path: "usage").appending(path: try #require(metered.files.first))
            try (Data("no record\n\n".utf8) + Data(contentsOf: file)).write(to: file)
            let again = try metered.journalAgain()
            try await again.flush()
            #expect(try await rows.usageSummary().first?.requests == 1)
            try await again.close()
            #expect(metered.files == [])
        }
    }

    @Test func aMinionThatIsDeletedMeanwhileTakesNoUsageAlong() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            metered.journal.append([metered.record(minion: minion.id)], user: rows.userID)
            _ = try await rows.deleteMinion(minion.id)
            try await metered.journal.flush()
            #expect(try await rows.usage().items.map(\.minionID) == [minion.id])
        }
    }

    @Test func fullFilesAreLeftBehindPrivateAndRemovedOnceDrained() async throws {
        try await MeteredStore.run(segmentBytes: 2048) { metered in
            let rows = try await metered.user()
            for _ in 0..<120 { metered.journal.append([metered.record()], user: rows.userID) }
            #expect(metered.files.count > 3)
            for file in metered.files {
                let path = metered.folder.appending(path: "usage/\(file)").path
                #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
            }
            try await metered.journal.flush()
            #expect(metered.files.count <= 1)
            #expect(try await rows.usageSummary().first?.requests == 120)
            try await metered.journal.close()
            #expect(metered.files == [])
            metered.journal.append([metered.record()], user: rows.userID)
            #expect(metered.files.count == 1, "what comes after the end is kept for the next start")
        }
    }

    /// A process that ended over a vendor's count had written it down before.
    @Test func aPoisonedJournalIsReadWithinBounds() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            metered.journal.append([metered.record(answer: "ans_1", tokens: 123_456, cost: 0.25)], user: rows.userID)
            let file = metered.folder.appending(path: "usage").appending(path: try #require(metered.files.first))
            let line = try String(contentsOf: file, encoding: .utf8)
            let id = line.prefix { $0 != "\t" }
            var lines = line
            for (number, (old, new)) in [
                ("123456", "9223372036854775807"), ("123456", "-1000000"), ("123456", "9223372036854775808"), ("0.25", "1e300"), ("0.25", "nan"),
                ("0.25", "-3"), ("12.345678", "1e300"), ("1795435200000", "9223372036854775807"), ("1795435200000", "-1"),
            ].enumerated() {
                #expect(line.contains(old))
                lines += line.replacingOccurrences(of: id, with: "use_\(number)").replacingOccurrences(of: old, with: new)
            }
            // Calls that were under way, as they are written down before they are sent.
            for (number, (at, tokens, cost)) in [
                ("1795435200000", "9223372036854775807", "1e300"), ("1795435200000", "-5", "-1"), ("9223372036854775807", "1", "1"),
            ].enumerated() {
                lines += "+\tcall_\(number)\t\(rows.userID)\t\t\t\tanswer\topenai\tm\t\(at)\t\(tokens)\t\(tokens)\t\(cost)\n"
            }
            try Data(lines.utf8).write(to: file)
            let again = try metered.journalAgain()
            try await again.flush()
            let kept = Dictionary(uniqueKeysWithValues: try await rows.usage().items.map { ($0.id, $0) })
            #expect(kept.count == 10, "lines of times that there are not are left out")
            for number in 0..<2 { #expect(kept["call_\(number)"]?.tokens == 0 && kept["call_\(number)"]?.cost == nil) }
            for number in 0..<3 { #expect(kept["use_\(number)"]?.inputTokens == nil && kept["use_\(number)"]?.outputTokens == 0) }
            for number in 3..<6 { #expect(kept["use_\(number)"]?.cost == nil && kept["use_\(number)"]?.inputTokens == 123_456) }
            #expect(kept["use_6"]?.latencyMilliseconds == 0)
            #expect(try await rows.usageSummary().first?.inputTokens == 5 * 123_456)
        }
    }

    @Test func manyWritersAndReadersAtOnceLoseNothing() async throws {
        try await MeteredStore.run(segmentBytes: 64 << 10) { metered in
            let rows = try await metered.user()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for number in 0..<250 {
                            metered.journal.append([metered.record()], user: rows.userID)
                            if number % 100 == 99 { try await metered.journal.flush() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await metered.journal.flush()
            #expect(try await rows.usageSummary().first?.requests == 2000)
        }
    }

    // MARK: calls under way

    private func begin(_ metered: MeteredStore, _ rows: UserStore, model: String = "gpt-4o-mini") async throws -> Admission {
        let admission = try await metered.meter.admit(
            user: rows.userID, minion: "min_1", tokens: 1100, cost: 0.01, usage: TokenUsage(input: 1000, output: 100))
        try metered.meter.gate(admission, answerID: "ans_1")(route(model))
        return admission
    }

    private func route(_ model: String) -> Route {
        Route(provider: "openai", model: model, endpoint: Endpoint(baseURL: "http://x"), keyID: "key_1")
    }

    private func ended(_ metered: MeteredStore, model: String, outcome: String = "ok") -> UsageRecord {
        var record = metered.record(minion: "min_1", answer: "ans_1", key: "key_1", tokens: 7, cost: 0.5, model: model)
        record.outcome = outcome
        return record
    }

    @Test func aCallThatWasUnderWayWhenTheProcessWasKilledIsRecordedOnceAsAnEstimate() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows)
            try await metered.journal.flush()
            #expect(try await rows.usage().items.isEmpty, "it is under way")
            for _ in 0..<3 {
                let again = try metered.journalAgain()
                try await again.close()
                let record = try #require(try await rows.usage().items.first)
                #expect(try await rows.usage().items.count == 1)
                #expect(record.isEstimate && record.outcome == UsageRecord.interrupted)
                #expect((record.inputTokens, record.outputTokens) == (1000, 100))
                let (cost, expected) = (try #require(record.cost), 1000 * 0.15e-6 + 100 * 0.6e-6)
                #expect(abs(cost - expected) < 1e-12)
                #expect((record.minionID, record.answerID, record.keyID, record.purpose) == ("min_1", "ans_1", "key_1", "answer"))
            }
            withExtendedLifetime(admission) {}
        }
    }

    @Test func aCallThatEndedIsRecordedAsItEnded() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows)
            metered.meter.settle(admission, [ended(metered, model: "gpt-4o-mini")])
            for _ in 0..<2 {
                try await metered.journalAgain().close()
                let record = try #require(try await rows.usage().items.first)
                #expect(try await rows.usage().items.count == 1)
                #expect(!record.isEstimate && record.outcome == "ok" && record.inputTokens == 7 && record.cost == 0.5)
            }
        }
    }

    /// The process that dies may have brought the file in which a long call began into the database, and removed it, long before.
    @Test func aCallOutlivesTheFileItBeganIn() async throws {
        try await MeteredStore.run(segmentBytes: 2048) { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows)
            for _ in 0..<120 { metered.journal.append([metered.record()], user: rows.userID) }
            try await metered.journal.flush()
            #expect(metered.files.count == 1)
            try await metered.journalAgain().close()
            let requests = Dictionary(uniqueKeysWithValues: try await rows.usageSummary().map { ($0.model, $0.requests) })
            #expect(requests == ["m": 120, "gpt-4o-mini": 1])
            withExtendedLifetime(admission) {}
        }
    }

    @Test func anOrderlyEndKeepsACallThatIsStillUnderWay() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows)
            try await metered.journal.close()
            try await metered.journalAgain().close()
            #expect(try await rows.usage().items.map(\.outcome) == [UsageRecord.interrupted])
            withExtendedLifetime(admission) {}
        }
    }

    /// As a server ends that has cut a stream: its call ends when the journal is told to close already.
    @Test func theLastEndWaitsForACallThatIsJustBrokenOff() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let call = metered.record(minion: "min_1", answer: "ans_1", key: "key_1", tokens: 7, cost: 0.5, model: "gpt-4o-mini")
            metered.journal.begin(call, user: rows.userID)
            async let settled: Void = metered.journal.settle(within: .seconds(60))
            var cut = call
            cut.outcome = "cancelled"
            metered.journal.append([cut], user: rows.userID)
            try await settled
            #expect(metered.files == [])
            #expect(try await rows.usage().items.map(\.outcome) == ["cancelled"])
        }
    }

    @Test func theLastEndDoesNotWaitForever() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            metered.journal.append([metered.record()], user: rows.userID)
            metered.journal.begin(metered.record(), user: rows.userID)
            try await metered.journal.settle(within: .milliseconds(1))
            #expect(try await rows.usageSummary().first?.requests == 1)
            #expect(metered.files.count == 1, "the next start records it")
        }
    }

    @Test func aCallThatAnotherHasFollowedIsNotUnderWay() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows, model: "gpt-4o")
            try metered.meter.gate(admission)(route("gpt-4o-mini"))
            try await metered.journalAgain().close()
            #expect(try await rows.usage().items.map(\.model) == ["gpt-4o-mini"])
            withExtendedLifetime(admission) {}
        }
    }

    @Test func aRequestOfSeveralCallsIsRecordedCallByCall() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows, model: "gpt-4o")
            try metered.meter.gate(admission)(route("gpt-4o-mini"))
            metered.meter.settle(
                admission,
                [ended(metered, model: "gpt-4o", outcome: "overloaded"), ended(metered, model: "gpt-4o-mini"), ended(metered, model: "local")])
            try await metered.journalAgain().close()
            #expect(
                try await rows.usage().items.map { "\($0.model) \($0.outcome)" }.sorted() == ["gpt-4o overloaded", "gpt-4o-mini ok", "local ok"])
        }
    }

    @Test func whatWasLetThroughAndNeverSentLeavesNothing() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            _ = try await begin(metered, rows)
            let settled = try await begin(metered, rows)
            metered.meter.settle(settled, [])
            try await metered.journalAgain().close()
            #expect(try await rows.usage().items.isEmpty)
        }
    }

    @Test func twoWhoTakeOverTheSameFilesRecordACallOnce() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let admission = try await begin(metered, rows)
            metered.journal.append((0..<20).map { _ in metered.record() }, user: rows.userID)
            let both = [try metered.journalAgain(), try metered.journalAgain()]
            await withTaskGroup(of: Void.self) { group in
                // One of them may find a file that the other has removed meanwhile.
                for journal in both { group.addTask { try? await journal.close() } }
            }
            try await metered.journalAgain().close()
            #expect(try await rows.usageSummary().map(\.requests).reduce(0, +) == 21)
            withExtendedLifetime(admission) {}
        }
    }

    /// Prints how fast it is; whether it is fast is not asserted.
    @Test func whatALineMoreForACallCosts() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let calls = 20_000
            let clock = ContinuousClock()
            let records = (0..<calls).map { _ in metered.record(minion: "min_0123456789abcdef0123", key: "key_0123456789") }
            let alone = clock.measure { for record in records { metered.journal.append([record], user: rows.userID) } }
            let again = records.map { record in
                var record = record
                record.id += "x"
                return record
            }
            let both = clock.measure {
                for record in again {
                    metered.journal.begin(record, user: rows.userID)
                    metered.journal.append([record], user: rows.userID)
                }
            }
            print("journal: a record \(alone / calls), with the line before its call \(both / calls)")
            try await metered.journal.flush()
            #expect(try await rows.usageSummary().first?.requests == 2 * calls)
        }
    }

    /// Prints how fast it is; whether it is fast is not asserted.
    @Test func thousandsOfRecordsAreDrained() async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let records = (0..<50_000).map { _ in
                metered.record(minion: "min_0123456789abcdef0123", answer: "ans_0123456789abcdef0123", key: "key_0123456789")
            }
            let clock = ContinuousClock()
            let appended = clock.measure { for record in records { metered.journal.append([record], user: rows.userID) } }
            let drained = try await clock.measure { try await metered.journal.flush() }
            print("journal: append \(appended / records.count) each, drain \(Int(Double(records.count) / (drained / .seconds(1)))) records/s")
            #expect(try await rows.usageSummary().first?.requests == records.count)
        }
    }
}
