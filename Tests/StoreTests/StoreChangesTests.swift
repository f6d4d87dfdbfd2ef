import Foundation
import Store
import Synchronization
import Testing

@Suite struct StoreChangesTests {
    @Test func everyWriteThatARequestDependsOnCountsForItsUserAlone() async throws {
        try await withStore { store in
            let changes = store.store.changes
            let ann = store.store.user(try await store.user("ann").id)
            // Users share counters, so any one other user may share hers; eight do not.
            let others = (0..<8).map { "usr_\($0)\(UUID())" }
            let minion = try await ann.createMinion(.sample())
            var before = changes.version(of: ann.userID)
            func counted(_ what: String, _ write: () async throws -> Void) async throws {
                try await write()
                #expect(changes.version(of: ann.userID) != before, "\(what) was not counted")
                before = changes.version(of: ann.userID)
            }
            let untouched = others.map(changes.version)
            try await counted("a new minion") { _ = try await ann.createMinion(.sample("Other")) }
            try await counted("a changed minion") { _ = try await ann.updateMinion(minion.id, .sample("Beacon")) }
            try await counted("a token") { _ = try await ann.regenerateMinionToken(minion.id) }
            try await counted("a key") { _ = try await ann.createProviderKey("openai", key: "sk-abcdefghijkl", baseURL: nil) }
            try await counted("a changed key") { _ = try await ann.updateProviderKey("openai", key: nil, settings: .init(isActive: false)) }
            try await counted("a deleted key") { try await ann.deleteProviderKey("openai") }
            try await counted("a deleted minion") { _ = try await ann.deleteMinion(minion.id) }
            #expect(zip(others, untouched).contains { changes.version(of: $0) == $1 }, "other users' copies stay good")
            let accounts = store.store.accounts(hasher: PasswordHasher(costExponent: 4))
            try await counted("a closed account") { _ = try await accounts.setActive(false, user: ann.userID) }
        }
    }

    @Test func aPublishedReleaseCounts() async throws {
        try await withStore { store in
            let ann = store.store.user(try await store.user("ann").id)
            let minion = try await ann.createMinion(.sample())
            let job = try await ann.createJob(TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .ragOnly, datasetIDs: []))
            _ = try await ann.startJob(job.id)
            let claimed = try #require(try await store.store.queue.claim(worker: "w", lease: .seconds(60)))
            let before = store.store.changes.version(of: ann.userID)
            _ = try await store.store.queue.complete(claimed, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init()))
            #expect(store.store.changes.version(of: ann.userID) != before)
        }
    }

    /// What is written for every request, or while a job runs, must not make everybody read again.
    @Test func whatIsOnlyRecordedDoesNotCount() async throws {
        try await withStore { store in
            let user = try await store.user("ann")
            let ann = store.store.user(user.id)
            let minion = try await ann.createMinion(.sample())
            let before = store.store.changes.version(of: ann.userID)
            try await ann.recordUsage([
                UsageRecord(
                    minionID: minion.id, answerID: nil, purpose: "answer", provider: "p", model: "m", at: Date(), inputTokens: 1, outputTokens: 1,
                    cachedTokens: 0, isEstimate: false, cost: nil, latencyMilliseconds: 1, firstTokenMilliseconds: nil, outcome: "ok")
            ])
            try await ann.saveAnswer(id: "ans_1", minionID: minion.id, releaseID: nil, question: "q", answer: "a", trace: "{}", at: Date())
            let job = try await ann.createJob(TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .ragOnly, datasetIDs: []))
            _ = try await ann.startJob(job.id)
            let session = try await store.store.accounts(hasher: PasswordHasher(costExponent: 4))
                .openSession(user: user.id, lifetime: .seconds(60), ip: nil, agent: nil)
            #expect(!session.token.isEmpty && store.store.changes.version(of: ann.userID) == before)
            // What was read changed nothing either, and a write that fails is none.
            _ = try await ann.minion(minion.id)
            await #expect(throws: StoreError.self) { try await ann.createMinion(.sample()) }
            #expect(store.store.changes.version(of: ann.userID) == before)
        }
    }

    @Test func observersHearWhoseRowsChanged() async throws {
        try await withStore { store in
            let ann = store.store.user(try await store.user("ann").id)
            let heard = Mutex<[String?]>([])
            store.store.changes.observe { user in heard.withLock { $0.append(user) } }
            _ = try await ann.createMinion(.sample())
            _ = try await store.store.accounts(hasher: PasswordHasher(costExponent: 4)).setActive(true, user: ann.userID)
            #expect(heard.withLock { $0 } == [ann.userID, nil])
        }
    }

    /// Tokens and ids are made for every request by hand, not by a format string; the digits are the same.
    @Test func digitsOfHashesAndIdsAreWhatTheyWere() {
        #expect(
            Token.hash("minion_0") == Token.hash("minion_0") && Token.hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let id = RowID.make("use", at: Date(timeIntervalSince1970: 1_700_000_000))
        #expect(id.hasPrefix("use_018bcfe56800") && id.count == 4 + 12 + 20)
    }
}
