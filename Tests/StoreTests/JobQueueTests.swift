import Foundation
import Store
import Testing

@Suite struct JobQueueTests {
    private struct Fixture {
        var store: TemporaryStore
        var rows: UserStore
        var queue: JobQueue
        var job: TrainingJob
    }

    private func withJob(_ body: (Fixture) async throws -> Void) async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let minion = try await rows.createMinion(.sample())
            let dataset = try await rows.createDataset(.sample("voice"))
            let job = try await rows.createJob(
                TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: [dataset.id]))
            try await body(Fixture(store: store, rows: rows, queue: store.store.queue, job: job))
        }
    }

    @Test func aJobIsClaimedByOneWorkerOnly() async throws {
        try await withJob { fixture in
            #expect(try await fixture.queue.claim(worker: "w", lease: .seconds(10)) == nil)
            _ = try await fixture.rows.startJob(fixture.job.id)
            let claims = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<8 {
                    group.addTask { [queue = fixture.queue] in try await queue.claim(worker: "w\(number)", lease: .seconds(10)) != nil }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(claims == 1)
            #expect(try await fixture.rows.job(fixture.job.id).status == .running)
        }
    }

    @Test func aWorkerThatLostTheJobChangesNothing() async throws {
        try await withJob { fixture in
            _ = try await fixture.rows.startJob(fixture.job.id)
            let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(10)))
            _ = try await fixture.rows.stopJob(job.id)
            #expect(try await !fixture.queue.heartbeat(job.id, worker: "w", lease: .seconds(10)))
            try await fixture.queue.record(job.id, worker: "w", type: "progress", payload: ["x": "y"], progress: 0.9, stage: "adapter")
            try await fixture.queue.fail(job.id, worker: "w", JobFailure(step: "s", code: "c", message: "m"))
            #expect(try await fixture.queue.complete(job, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init())) == nil)
            let after = try await fixture.rows.job(job.id)
            #expect(after.status == .stopped && after.progress == 0 && after.errorMessage == nil)
            #expect(try await fixture.rows.releases(minionID: job.minionID).items.isEmpty)
            #expect(try await fixture.rows.jobEvents(job.id, after: 0).map(\.type) == ["queued", "stopped"])
        }
    }

    @Test func eventsCountFromOneWithoutGapsAndReplayFromAnywhere() async throws {
        try await withJob { fixture in
            _ = try await fixture.rows.startJob(fixture.job.id)
            let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(10)))
            for step in 1...5 {
                try await fixture.queue.record(
                    job.id, worker: "w", type: "progress", payload: ["step": step], progress: Double(step) / 5, stage: "adapter")
            }
            #expect(try await fixture.rows.jobEvents(job.id, after: 0).map(\.seq) == [1, 2, 3, 4, 5, 6])
            #expect(try await fixture.rows.jobEvents(job.id, after: 4).map(\.seq) == [5, 6])
            #expect(try await fixture.rows.job(job.id).progress == 1)
        }
    }

    @Test func completingPublishesTheNextReleaseAndRetiresTheLast() async throws {
        try await withJob { fixture in
            for number in 1...2 {
                _ = try await fixture.rows.startJob(fixture.job.id)
                let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(10)))
                let draft = ReleaseDraft(
                    adapter: .init(id: "ada_\(number)", baseModel: "b", path: "p\(number)", sha256: "s", rank: 16, bytes: 1),
                    collection: .init(
                        id: "col_1", name: "c", embedder: "e", dimension: 384, version: number, documentCount: 1, chunkCount: 2, bytes: 3),
                    evaluation: .init())
                let release = try #require(try await fixture.queue.complete(job, worker: "w", release: draft))
                #expect(release.number == number)
                #expect(try await fixture.rows.minion(job.minionID).releaseID == release.id)
                #expect(try await fixture.rows.collection("col_1").version == number)
            }
            let releases = try await fixture.rows.releases(minionID: fixture.job.minionID).items
            #expect(releases.map(\.state) == [.active, .retired])
            for (answer, release) in [("ans_1", releases[0].id), ("ans_2", nil)] {
                try await fixture.rows.saveAnswer(
                    id: answer, minionID: fixture.job.minionID, releaseID: release, question: "q", answer: "a", trace: "{}", at: Date())
            }
            try await fixture.rows.deleteCollection("col_1")
            #expect(try await fixture.rows.release(releases[0].id).collectionID == nil)
            // Trap 23: the traces of its answers quote it.
            await #expect(throws: StoreError.self) { try await fixture.rows.answer("ans_1") }
            #expect(try await fixture.rows.answer("ans_2").answer == "a")
            #expect(try await fixture.rows.deleteMinion(fixture.job.minionID).sorted() == ["p1", "p2"])
        }
    }

    @Test func aJobForOneHalfKeepsTheOther() async throws {
        try await withJob { fixture in
            func run(_ kind: TrainingJob.Kind, _ release: ReleaseDraft) async throws -> Release {
                var draft = TrainingJobDraft(jobName: "j", minionID: fixture.job.minionID, trainingType: kind, datasetIDs: fixture.job.datasetIDs)
                draft.jobName = kind.rawValue
                _ = try await fixture.rows.updateJob(fixture.job.id, draft)
                _ = try await fixture.rows.startJob(fixture.job.id)
                let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(10)))
                return try #require(try await fixture.queue.complete(job, worker: "w", release: release))
            }
            let adapter = ReleaseDraft.NewAdapter(id: "ada_1", baseModel: "b", path: "p", sha256: "s", rank: 16, bytes: 1)
            let collection = ReleaseDraft.NewCollection(
                id: "col_1", name: "c", embedder: "e", dimension: 384, version: 1, documentCount: 1, chunkCount: 2, bytes: 3)
            let voice = try await run(.loraOnly, .init(adapter: adapter, collection: nil, evaluation: .init()))
            #expect(voice.adapterID == "ada_1" && voice.collectionID == nil)
            let both = try await run(.ragOnly, .init(adapter: nil, collection: collection, evaluation: .init()))
            #expect(both.adapterID == "ada_1" && both.collectionID == "col_1" && both.collectionVersion == 1)
            _ = try await fixture.rows.startJob(fixture.job.id)
            await #expect(throws: StoreError.self) { try await fixture.rows.deleteCollection("col_1") }
        }
    }

    @Test func aDeadServersJobIsMarkedAndALivingOnesIsNot() async throws {
        try await withJob { fixture in
            _ = try await fixture.rows.startJob(fixture.job.id)
            let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(60)))
            try await fixture.queue.record(job.id, worker: "w", type: "progress", payload: ["x": 1], progress: 0.42, stage: "adapter")
            #expect(try await fixture.queue.markInterrupted(isAlive: { _ in true }).isEmpty)
            #expect(try await fixture.queue.markInterrupted(isAlive: { _ in false }) == [job.id])
            let marked = try await fixture.rows.job(job.id)
            #expect(marked.status == .failed && marked.error?.code == "interrupted")
            #expect(marked.errorMessage?.contains("42%") == true && marked.errorMessage?.contains("adapter") == true)
            #expect(try await fixture.rows.startJob(job.id).error == nil)
        }
    }

    @Test func aLeaseThatRanOutIsDeadWhateverItsOwnerSays() async throws {
        try await withJob { fixture in
            _ = try await fixture.rows.startJob(fixture.job.id)
            let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(5)))
            let later = Date().addingTimeInterval(6)
            #expect(try await fixture.queue.markInterrupted(now: later, isAlive: { _ in true }) == [job.id])
        }
    }

    @Test func anActiveJobIsNeitherChangedNorDeletedNorStartedTwice() async throws {
        try await withJob { fixture in
            let id = fixture.job.id
            _ = try await fixture.rows.startJob(id)
            await #expect(throws: StoreError.self) { try await fixture.rows.startJob(id) }
            await #expect(throws: StoreError.self) { try await fixture.rows.deleteJob(id) }
            await #expect(throws: StoreError.self) {
                try await fixture.rows.updateJob(
                    id, TrainingJobDraft(jobName: "x", minionID: fixture.job.minionID, trainingType: .loraOnly, datasetIDs: []))
            }
            await #expect(throws: StoreError.self) { try await fixture.rows.deleteMinion(fixture.job.minionID) }
            _ = try await fixture.rows.stopJob(id)
            await #expect(throws: StoreError.self) { try await fixture.rows.stopJob(id) }
            _ = try await fixture.rows.deleteJob(id)
        }
    }
}
