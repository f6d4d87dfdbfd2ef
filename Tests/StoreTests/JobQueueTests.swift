import Domain
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
            try await fixture.queue.fail(job.id, worker: "w", JobFailure(step: "s", code: .internal, message: "m"))
            #expect(try await fixture.queue.complete(job, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init())) == nil)
            let after = try await fixture.rows.job(job.id)
            #expect(after.status == .stopped && after.progress == 0 && after.errorMessage == nil)
            #expect(try await fixture.rows.releases(minionID: job.minionID).items.isEmpty)
            #expect(try await fixture.rows.jobEvents(job.id, after: 0).map(\.type) == ["queued", "stopped"])
        }
    }

    /// A worker that was frozen may take up the very job it has lost: its first attempt must not be taken for the second.
    @Test func anAttemptOfTheSameWorkerIsNotTheOneBefore() async throws {
        try await withJob { fixture in
            _ = try await fixture.rows.startJob(fixture.job.id)
            let job = try #require(try await fixture.queue.claim(worker: "host:1:w#1", lease: .seconds(10)))
            #expect(job.worker == "host:1:w", "users see the worker")
            #expect(try await fixture.queue.holds(job.id, worker: "host:1:w#1"))
            let later = Date().addingTimeInterval(11)
            #expect(try await !fixture.queue.holds(job.id, worker: "host:1:w#1", now: later), "its lease is over")
            #expect(try await fixture.queue.requeueLost(now: later).map(\.id) == [job.id])
            #expect(try await fixture.queue.claim(worker: "host:1:w#2", lease: .seconds(10), now: later)?.attempt == 2)
            #expect(try await !fixture.queue.heartbeat(job.id, worker: "host:1:w#1", lease: .seconds(10)))
            #expect(try await !fixture.queue.handBack(job.id, worker: "host:1:w#1", reason: "x"))
            #expect(try await !fixture.queue.record(job.id, worker: "host:1:w#1", type: "log", payload: ["x": "y"], progress: nil, stage: nil))
            try await fixture.queue.release(job.id, worker: "host:1:w#1")
            let complete = try await fixture.queue.complete(
                job, worker: "host:1:w#1", release: .init(adapter: nil, collection: nil, evaluation: .init()))
            #expect(complete == nil)
            #expect(try await fixture.queue.heartbeat(job.id, worker: "host:1:w#2", lease: .seconds(10)))
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

    @Test func aDeadWorkersJobGoesBackInLineAndALivingOnesDoesNot() async throws {
        try await withJob { fixture in
            let (queue, id) = (fixture.queue, fixture.job.id)
            _ = try await fixture.rows.startJob(id)
            let job = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            try await queue.record(id, worker: "w", type: "progress", payload: ["x": 1], progress: 0.42, stage: "adapter")
            #expect(try await queue.requeueLost(isAlive: { _ in true }).isEmpty)
            let lost = try await queue.requeueLost(isAlive: { _ in false })
            #expect(lost.map(\.id) == [id] && lost.map(\.worker) == ["w"] && lost.map(\.isGivenUp) == [false])
            let waiting = try await fixture.rows.job(id)
            #expect(waiting.status == .queued && waiting.error == nil && waiting.progress == 0.42)
            let again = try #require(try await queue.claim(worker: "v", lease: .seconds(60)))
            #expect(again.status == .running && again.attempt == job.attempt + 1 && again.worker == "v")
            let events = try await fixture.rows.jobEvents(id, after: 0)
            #expect(events.map(\.type) == ["queued", "progress", "requeued", "resumed"] && events.map(\.seq) == [1, 2, 3, 4])
            #expect(events[3].payload.contains("worker w was lost in stage") && events[3].payload.contains(#""attempt":2"#))
            // Who lost it changes nothing any more.
            #expect(try await !queue.record(id, worker: "w", type: "progress", payload: ["x": 2], progress: 0.9, stage: nil))
            #expect(try await !queue.heartbeat(id, worker: "w", lease: .seconds(60)))
        }
    }

    @Test func aLeaseThatRanOutIsDeadWhateverItsOwnerSays() async throws {
        try await withJob { fixture in
            _ = try await fixture.rows.startJob(fixture.job.id)
            let job = try #require(try await fixture.queue.claim(worker: "w", lease: .seconds(5)))
            let later = Date().addingTimeInterval(6)
            #expect(try await fixture.queue.requeueLost(now: later, isAlive: { _ in true }).map(\.id) == [job.id])
            #expect(try await fixture.queue.requeueLost(now: later, isAlive: { _ in true }).isEmpty, "once")
        }
    }

    @Test func aJobThatBringsDownOneWorkerAfterTheOtherIsGivenUp() async throws {
        try await withJob { fixture in
            let (queue, id) = (fixture.queue, fixture.job.id)
            _ = try await fixture.rows.startJob(id)
            for number in 1...3 {
                _ = try #require(try await queue.claim(worker: "w\(number)", lease: .seconds(60)))
                // Getting on once sets the count back.
                if number == 1 { try await queue.record(id, worker: "w1", type: "progress", payload: ["x": 1], progress: 0.5, stage: "adapter") }
                let lost = try await queue.requeueLost(most: 3, isAlive: { _ in false })
                #expect(lost.map(\.isGivenUp) == [number == 3])
            }
            let failed = try await fixture.rows.job(id)
            #expect(failed.status == .failed && failed.error?.code == "workers_lost" && failed.error?.step == "adapter")
            // Started again, it has all its lives.
            _ = try await fixture.rows.startJob(id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            #expect(try await queue.requeueLost(most: 2, isAlive: { _ in false }).map(\.isGivenUp) == [false])
        }
    }

    @Test func whoIsShutDownHandsItsJobBack() async throws {
        try await withJob { fixture in
            let (queue, id) = (fixture.queue, fixture.job.id)
            _ = try await fixture.rows.startJob(id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            #expect(try await !queue.handBack(id, worker: "other", reason: "r"))
            #expect(try await queue.handBack(id, worker: "w", reason: "maintenance"))
            #expect(try await fixture.rows.job(id).status == .queued)
            _ = try #require(try await queue.claim(worker: "v", lease: .seconds(60)))
            #expect(try await fixture.rows.jobEvents(id, after: 2).first?.payload.contains("maintenance") == true)
        }
    }

    /// A stopped job's processes may run for a moment: until its worker lets go, nobody begins on the same files.
    @Test func aStoppedJobIsNotBegunAgainBeforeItsWorkerLetsGo() async throws {
        try await withJob { fixture in
            let (queue, id) = (fixture.queue, fixture.job.id)
            _ = try await fixture.rows.startJob(id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            _ = try await fixture.rows.stopJob(id)
            _ = try await fixture.rows.startJob(id)
            #expect(try await queue.isHeld(id))
            #expect(try await queue.claim(worker: "v", lease: .seconds(60)) == nil)
            try await queue.release(id, worker: "w")
            #expect(try await queue.claim(worker: "v", lease: .seconds(60))?.id == id)
        }
    }

    @Test func aFailureThatMayPassIsTriedAgainLaterAndOthersAreNot() async throws {
        try await withJob { fixture in
            let (queue, id) = (fixture.queue, fixture.job.id)
            var draft = TrainingJobDraft(
                jobName: "j", minionID: fixture.job.minionID, trainingType: .loraOnly, datasetIDs: fixture.job.datasetIDs)
            draft.plan.retry = JobRetries(maxAttempts: 3, backoffSeconds: 10)
            _ = try await fixture.rows.updateJob(id, draft)
            _ = try await fixture.rows.startJob(id)
            var now = Date()
            for expected in [10.0, 20.0] {
                _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60), now: now))
                let passing = JobFailure(step: "adapter", code: "trainer_died", isTransient: true, message: "killed")
                #expect(try await queue.fail(id, worker: "w", passing, now: now) == expected)
                let waiting = try await fixture.rows.job(id)
                #expect(
                    waiting.status == .queued && waiting.error?.code == passing.code && waiting.error?.message == "killed" && waiting.runAt != nil)
                #expect(try await queue.claim(worker: "w", lease: .seconds(60), now: now.addingTimeInterval(expected - 1)) == nil)
                now += expected + 1
            }
            let third = try #require(try await queue.claim(worker: "w", lease: .seconds(60), now: now))
            #expect(third.retries == 2 && third.error == nil)
            #expect(
                try await queue.fail(
                    id, worker: "w", JobFailure(step: "adapter", code: "trainer_died", isTransient: true, message: "killed"), now: now) == nil)
            #expect(try await fixture.rows.job(id).status == .failed)
            let events = try await fixture.rows.jobEvents(id, after: 0)
            #expect(events.map(\.type) == ["queued", "retrying", "resumed", "retrying", "resumed", "failed"])
            #expect(events[1].payload.contains("trainer_died") && events[1].payload.contains(#""delay_seconds":10"#))
            // What is wrong in itself stays wrong.
            _ = try await fixture.rows.startJob(id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60), now: now))
            #expect(try await queue.fail(id, worker: "w", JobFailure(step: "prepare", code: .tooFewExamples, message: "m"), now: now) == nil)
        }
    }

    @Test func theSameJobTwiceIsRefusedUnlessItIsMeant() async throws {
        try await withJob { fixture in
            let draft = TrainingJobDraft(
                jobName: "another name", minionID: fixture.job.minionID, trainingType: .loraOnly, datasetIDs: fixture.job.datasetIDs)
            await #expect {
                try await fixture.rows.createJob(draft, allowDuplicate: false)
            } throws: { ($0 as? DuplicateJob)?.id == fixture.job.id && ($0 as? DuplicateJob)?.status == "PENDING" }
            var other = draft
            other.config.seed += 1
            let second = try await fixture.rows.createJob(other, allowDuplicate: false)
            let meant = try await fixture.rows.createJob(draft, allowDuplicate: true)
            // Stopped and failed ones are none: they are to be tried again.
            for id in [fixture.job.id, meant.id] {
                _ = try await fixture.rows.startJob(id)
                _ = try await fixture.rows.stopJob(id)
            }
            _ = try await fixture.rows.createJob(draft, allowDuplicate: false)
            // Other data is another job.
            await #expect(throws: DuplicateJob.self) { try await fixture.rows.createJob(other, allowDuplicate: false) }
            for id in [second.id] { _ = try await fixture.rows.deleteJob(id) }
            _ = try await fixture.rows.createJob(other, allowDuplicate: false)
            let dataset = try await fixture.rows.dataset(fixture.job.datasetIDs[0])
            var content = DatasetDraft.sample("voice")
            content.sha256 = "other"
            _ = try await fixture.rows.replaceContent(of: dataset.id, version: dataset.version, with: content, change: "replace")
            _ = try await fixture.rows.createJob(other, allowDuplicate: false)
        }
    }

    @Test func whatStagesTookIsKeptAndTheNextJobIsExpectedToTakeAsMuch() async throws {
        try await withJob { fixture in
            let (queue, id) = (fixture.queue, fixture.job.id)
            _ = try await fixture.rows.startJob(id)
            let job = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            try await queue.record(stage: "prepare", of: job, worker: "w", outcome: .running, event: ["status": "started"])
            try await queue.record(
                stage: "prepare", of: job, worker: "w", outcome: .finished, use: .init(cpuSeconds: 1.5, peakMemoryBytes: 4 << 30, diskBytes: 7),
                event: ["status": "finished"])
            try await queue.record(stage: "adapter", of: job, worker: "w", outcome: .running, event: ["status": "started"])
            _ = try await queue.handBack(id, worker: "w", reason: "r")
            let stages = try await fixture.rows.job(id).stages
            #expect(stages.map(\.stage) == ["prepare", "adapter"] && stages.map(\.outcome) == [.finished, .interrupted])
            #expect(stages[0].cpuSeconds == 1.5 && stages[0].peakMemoryBytes == 4 << 30 && stages[0].diskBytes == 7 && stages[0].seconds != nil)
            let again = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            _ = try #require(try await queue.complete(again, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init())))
            // It took 4 GiB, so the next is taken for a fifth more: beside another job, only where that is left.
            _ = try await fixture.rows.startJob(id)
            let busy = try await fixture.rows.createJob(
                .init(jobName: "b", minionID: fixture.rows.createMinion(.sample("Other")).id, trainingType: .ragOnly, datasetIDs: []))
            _ = try await queue.claim(worker: "w", lease: .seconds(60), limits: .init(host: "h", memoryMegabytes: 1))
            #expect(try await fixture.rows.job(id).status == .running, "a machine that runs nothing takes any job")
            _ = try await fixture.rows.stopJob(id)
            try await queue.release(id, worker: "w")
            _ = try await fixture.rows.startJob(busy.id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60), limits: .init(host: "h")))
            _ = try await fixture.rows.startJob(id)
            #expect(try await queue.claim(worker: "w", lease: .seconds(60), limits: .init(host: "h", memoryMegabytes: 4900)) == nil)
            #expect(try await queue.claim(worker: "w", lease: .seconds(60), limits: .init(host: "h", memoryMegabytes: 4920))?.id == id)
        }
    }

    @Test func manyWritersLeaveNoGapInAJobsHistory() async throws {
        try await withJob { fixture in
            let (queue, id, rows) = (fixture.queue, fixture.job.id, fixture.rows)
            _ = try await rows.startJob(id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for step in 0..<5 {
                            try await queue.record(
                                id, worker: "w", type: "log", payload: ["writer": writer, "step": step], progress: nil, stage: nil)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await rows.jobEvents(id, after: 0).map(\.seq) == Array(1...41))
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
