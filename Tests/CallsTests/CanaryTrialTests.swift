import Calls
import Foundation
import Store
import Testing

@Suite struct CanaryTrialTests {
    private func withTrial(percent: Double, _ body: (Minion, Canary) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-canary-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try await Store(
            database: SQLiteDatabase(path: folder.appending(path: "test.sqlite").path), vault: KeyVault(keys: Fernet.generateKey()))
        let user = try await store.accounts(hasher: PasswordHasher(costExponent: 4)).create(
            email: "a@b.c", name: "a", password: "long enough", role: .user)
        let rows = store.user(user.id)
        let minion = try await rows.createMinion(MinionDraft(name: "Wick", displayName: "Wick", provider: "local", modelID: "m"))
        for held in [false, true] {
            let job = try await rows.createJob(
                .init(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: [], holdsRelease: held))
            _ = try await rows.startJob(job.id)
            let claimed = try #require(try await store.queue.claim(worker: "w", lease: .seconds(60)))
            _ = try await store.queue.complete(claimed, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init()))
        }
        let next = try #require(try await rows.releases(minionID: minion.id).items.first)
        let canary = try await rows.startCanary(next.id, minionID: minion.id, .init(percent: percent))
        try await body(try await rows.minion(minion.id), canary)
        try store.close()
    }

    @Test func aConversationIsAlwaysAnsweredByTheSameRelease() async throws {
        try await withTrial(percent: 30) { minion, canary in
            var trials = 0
            for index in 0..<2000 {
                let trial = CanaryTrial(minion, conversation: "conversation \(index)")
                #expect(CanaryTrial(minion, conversation: "conversation \(index)").arm == trial.arm)
                // What is decided by the minion alone is then decided by the release: its adapter, its collection, the cache.
                #expect(trial.minion.releaseID == (trial.arm == .canary ? canary.releaseID : minion.releaseID) && trial.minion.canary == nil)
                if trial.arm == .canary { trials += 1 }
            }
            #expect((540...660).contains(trials), "three standard errors around 30 %: \(trials)")
        }
    }

    @Test func requestsWithoutAConversationAreSharedByChance() async throws {
        try await withTrial(percent: 50) { minion, _ in
            let arms = (0..<400).map { _ in CanaryTrial(minion, conversation: nil).arm }
            #expect((140...260).contains(arms.count { $0 == .canary }), "six standard errors")
        }
    }

    @Test func withoutATrialNothingIsChosen() async throws {
        try await withTrial(percent: 50) { minion, _ in
            var quiet = minion
            quiet.canary = nil
            let trial = CanaryTrial(quiet, conversation: "c")
            #expect(trial.arm == nil && trial.minion == quiet)
        }
    }
}
