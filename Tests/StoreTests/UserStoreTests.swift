import Domain
import Foundation
import Store
import Testing

@Suite struct UserStoreTests {
    @Test func minionsAreCreatedChangedAndDeleted() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let made = try await rows.createMinion(.sample())
            #expect(try await rows.minion(made.id) == made)
            var draft = MinionDraft.sample("Beacon")
            draft.sampling.topP = 0.5
            draft.fallbacks = [ModelRoute(provider: "openai", model: "m")]
            let changed = try await rows.updateMinion(made.id, draft)
            #expect(changed.displayName == "Beacon" && changed.sampling.topP == 0.5 && changed.fallbacks == draft.fallbacks)
            #expect(try await rows.deleteMinion(made.id).isEmpty)
            await #expect(throws: StoreError.notFound("minion")) { try await rows.minion(made.id) }
        }
    }

    @Test func aNameIsUniquePerUserOnly() async throws {
        try await withStore { store in
            let ann = store.store.user(try await store.user("ann").id)
            let bob = store.store.user(try await store.user("bob").id)
            _ = try await ann.createMinion(.sample())
            _ = try await bob.createMinion(.sample())
            await #expect(throws: StoreError.self) { try await ann.createMinion(.sample()) }
        }
    }

    @Test func nothingOfAnotherUserIsFoundChangedOrDeleted() async throws {
        try await withStore { store in
            let ann = store.store.user(try await store.user("ann").id)
            let bob = store.store.user(try await store.user("bob").id)
            let minion = try await ann.createMinion(.sample())
            let dataset = try await ann.createDataset(.sample("voice"))
            let job = try await ann.createJob(
                TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: [dataset.id]))
            _ = try await ann.createProviderKey("openai", key: "sk-abcdefghijkl", baseURL: nil)

            await #expect(throws: StoreError.self) { try await bob.minion(minion.id) }
            await #expect(throws: StoreError.self) { try await bob.updateMinion(minion.id, .sample("x")) }
            await #expect(throws: StoreError.self) { try await bob.deleteMinion(minion.id) }
            await #expect(throws: StoreError.self) { try await bob.regenerateMinionToken(minion.id) }
            await #expect(throws: StoreError.self) { try await bob.dataset(dataset.id) }
            await #expect(throws: StoreError.self) { try await bob.updateDataset(dataset.id, name: "x", description: nil, isActive: true) }
            await #expect(throws: StoreError.self) { try await bob.deleteDataset(dataset.id) }
            await #expect(throws: StoreError.self) { try await bob.job(job.id) }
            await #expect(throws: StoreError.self) { try await bob.startJob(job.id) }
            await #expect(throws: StoreError.self) { try await bob.stopJob(job.id) }
            await #expect(throws: StoreError.self) { try await bob.deleteJob(job.id) }
            await #expect(throws: StoreError.self) { try await bob.jobEvents(job.id, after: 0) }
            await #expect(throws: StoreError.self) { try await bob.releases(minionID: minion.id) }
            await #expect(throws: StoreError.self) {
                try await bob.createJob(TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: []))
            }
            let own = try await bob.createMinion(.sample())
            await #expect(throws: StoreError.self) {
                try await bob.createJob(TrainingJobDraft(jobName: "j", minionID: own.id, trainingType: .loraOnly, datasetIDs: [dataset.id]))
            }
            let key = try await ann.providerKey("openai")
            #expect(try await bob.openProviderKeys("openai").isEmpty)
            for reference in ["openai", key.id] {
                await #expect(throws: StoreError.self) { try await bob.providerKey(reference) }
                await #expect(throws: StoreError.self) { try await bob.openProviderKey(reference) }
                await #expect(throws: StoreError.self) { try await bob.updateProviderKey(reference, key: "x", settings: .init()) }
                await #expect(throws: StoreError.self) { try await bob.deleteProviderKey(reference) }
            }
            try await bob.recordKeyTest(key.id, KeyTest(outcome: "ok", message: ""))
            #expect(try await ann.providerKey(key.id) == key)
            #expect(try await bob.providerKeys().isEmpty)
            #expect(try await bob.datasets().items.isEmpty)
            #expect(try await bob.jobs().items.isEmpty)
            #expect(try await ann.minion(minion.id) == minion)
        }
    }

    @Test func onlyTheEndOfAProviderKeyIsEverShown() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let stored = try await rows.createProviderKey("openai", key: "sk-secret-1234567890wxyz", baseURL: nil)
            #expect(stored.keyHint == "…wxyz")
            #expect(!String(decoding: try JSONEncoder.api.encode(stored), as: UTF8.self).contains("secret"))
            #expect(try await rows.openProviderKeys("openai").map(\.key) == ["sk-secret-1234567890wxyz"])
            await #expect(throws: StoreError.self) { try await rows.createProviderKey("openai", key: "other", baseURL: nil) }
            _ = try await rows.updateProviderKey("openai", key: nil, settings: .init(isActive: false))
            #expect(try await rows.openProviderKeys("openai").isEmpty)
            #expect(try await rows.createProviderKey("custom", key: "short", baseURL: "http://x").keyHint == "…")
        }
    }

    @Test func aMinionTokenIsShownOnceAndReplacedByTheNext() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            let rows = store.store.user(ann.id)
            let minion = try await rows.createMinion(.sample())
            let first = try await rows.regenerateMinionToken(minion.id)
            #expect(first.wholeMatch(of: /minion_[0-9a-f]{32}/) != nil)
            #expect(try await store.store.minion(forToken: first)?.id == minion.id)
            let second = try await rows.regenerateMinionToken(minion.id)
            #expect(try await store.store.minion(forToken: first) == nil)
            #expect(try await store.store.minion(forToken: second)?.id == minion.id)
            _ = try await store.accounts.setActive(false, user: ann.id)
            #expect(try await store.store.minion(forToken: second) == nil)
        }
    }

    @Test func pagesWalkEveryRowOnce() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            for number in 0..<7 { _ = try await rows.createMinion(.sample("m\(number)")) }
            var seen: [String] = []
            var cursor: String?
            repeat {
                let page = try await rows.minions(#require(PageRequest(limit: 3, cursor: cursor)))
                seen += page.items.map(\.displayName)
                cursor = page.nextCursor
            } while cursor != nil
            #expect(seen == (0..<7).reversed().map { "m\($0)" })
            #expect(PageRequest(limit: 3, cursor: "%%%") == nil)
        }
    }

    @Test func aDatasetInUseIsNotDeletedAndItsFileOnlyWithTheLastRow() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let minion = try await rows.createMinion(.sample())
            let one = try await rows.createDataset(.sample("one"))
            let two = try await rows.createDataset(.sample("two"))
            let job = try await rows.createJob(
                TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: [one.id]))
            _ = try await rows.startJob(job.id)
            await #expect(throws: StoreError.self) { try await rows.deleteDataset(one.id) }
            _ = try await rows.stopJob(job.id)
            #expect(try await rows.deleteDataset(one.id).filter { !$0.hasSuffix(".documents") } == [])
            #expect(try await rows.deleteDataset(two.id).first == "users/u/datasets/abc")
        }
    }

    @Test func anUnknownCostIsCountedAndNotTakenForNothing() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            func record(_ cost: Double?) -> UsageRecord {
                UsageRecord(
                    minionID: nil, answerID: nil, purpose: "answer", provider: "p", model: "m", at: Date(), inputTokens: 1, outputTokens: 2,
                    cachedTokens: nil, isEstimate: false, cost: cost, latencyMilliseconds: 1, firstTokenMilliseconds: nil, outcome: "ok")
            }
            try await rows.recordUsage([record(0.5), record(nil)])
            let summary = try await rows.usageSummary()
            #expect(summary.first?.cost == 0.5 && summary.first?.unpricedRequests == 1 && summary.first?.requests == 2)
        }
    }

    @Test(arguments: [("createdAt", "created_at"), ("baseURL", "base_url"), ("datasetIDs", "dataset_ids"), ("sha256", "sha256"), ("top_p", "top_p")])
    func namesLeaveInSnakeCase(swift: String, json: String) throws {
        struct Probe: Encodable {
            struct Key: CodingKey {
                var stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }
            var name: String
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(1, forKey: Key(stringValue: name))
            }
        }
        #expect(String(decoding: try JSONEncoder.api.encode(Probe(name: swift)), as: UTF8.self) == "{\"\(json)\":1}")
    }
}

extension DatasetDraft {
    static func sample(_ name: String) -> DatasetDraft {
        DatasetDraft(
            datasetName: name, datasetType: .jsonl, filePath: "users/u/datasets/abc", fileName: "v.jsonl", sampleCount: 1, metadata: .init(),
            sha256: "abc", bytes: 1)
    }
}
