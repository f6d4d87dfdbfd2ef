import Domain
import Foundation
import Logging
import Store
import TestMeters
import Testing
import Training

@Suite struct JobSchedulerTests {
    private struct Fixture {
        var metered: MeteredStore
        var rows: UserStore
        var minion: Minion
        var dataset: Dataset

        func job(_ change: (inout JobPlan) -> Void) async throws -> TrainingJob {
            var draft = TrainingJobDraft(jobName: "nightly", minionID: minion.id, trainingType: .loraOnly, datasetIDs: [dataset.id])
            draft.config.rank = 5
            change(&draft.plan)
            return try await rows.createJob(draft)
        }

        func scheduler(delay: Int = 0, isEnabled: Bool = true) -> JobScheduler {
            JobScheduler(
                store: metered.store, meter: metered.meter, retrainDelay: .seconds(delay), isEnabled: isEnabled, logger: MeteredStore.logger)
        }

        func runs(of job: TrainingJob) async throws -> [TrainingJob] {
            try await rows.jobs(.all).items.filter { $0.origin?.jobID == job.id }
        }

        func finish() async throws {
            let job = try #require(try await metered.store.queue.claim(worker: "w", lease: .seconds(60)))
            _ = try await metered.store.queue.complete(job, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init()))
        }
    }

    private func withFixture(_ body: (Fixture) async throws -> Void) async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let dataset = try await rows.createDataset(Self.content("one"))
            try await body(Fixture(metered: metered, rows: rows, minion: rows.createMinion(.sample()), dataset: dataset))
        }
    }

    private static func content(_ sha: String) -> DatasetDraft {
        DatasetDraft(
            datasetName: "voice", datasetType: .jsonl, filePath: "users/u/datasets/\(sha)", fileName: "v.jsonl", sampleCount: 1, metadata: .init(),
            sha256: sha, bytes: 1)
    }

    @Test func eachTimeOfAScheduleMakesARunOnce() async throws {
        try await withFixture { fixture in
            let job = try await fixture.job {
                $0.schedule = JobSchedule(cron: "0 * * * *", timeZone: "Europe/Berlin")
                $0.priority = 3
            }
            let first = try #require(job.nextRunAt)
            #expect(job.status == .pending && first > Date())
            #expect(try await fixture.scheduler().fireDue(now: first.addingTimeInterval(-1)).isEmpty)
            // Two servers look at the same moment.
            let started = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 { group.addTask { try await fixture.scheduler().fireDue(now: first) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let run = try #require(try await fixture.runs(of: job).first)
            #expect(started == [run.id] && run.status == .queued && run.origin?.cause == .schedule && run.schedule == nil)
            #expect(run.config.rank == 5 && run.datasetIDs == [fixture.dataset.id] && run.priority == 3)
            #expect(try await fixture.rows.job(job.id).nextRunAt == first.addingTimeInterval(3600))
            #expect(try await fixture.rows.jobs(originID: job.id).items.map(\.id) == [run.id])
            #expect(try await fixture.rows.jobs(minionID: fixture.minion.id, status: .queued, originID: job.id).items.map(\.id) == [run.id])
            #expect(try await fixture.rows.jobs(status: .running, originID: job.id).items.isEmpty)
            #expect(try await fixture.rows.jobs(minionID: "another", originID: job.id).items.isEmpty)
            // Active still: passed over, and said.
            let second = first.addingTimeInterval(3600)
            #expect(try await fixture.scheduler().fireDue(now: second).isEmpty)
            #expect(try await fixture.rows.jobEvents(job.id, after: 0).map(\.type) == ["run_started", "schedule_skipped"])
            try await fixture.finish()
            // Hours that were missed count once.
            #expect(try await fixture.scheduler().fireDue(now: second.addingTimeInterval(5 * 3600)).count == 1)
            #expect(try await fixture.scheduler().fireDue(now: second.addingTimeInterval(5 * 3600)).isEmpty)
        }
    }

    @Test func aScheduleIsTakenOffAndALimitHoldsForItsRunsToo() async throws {
        try await withFixture { fixture in
            let job = try await fixture.job { $0.schedule = JobSchedule(cron: "* * * * *") }
            let due = try #require(job.nextRunAt)
            try await fixture.rows.setLimits(.having { $0.trainingJobsPerDay = 0 }, for: .user)
            #expect(try await fixture.scheduler().fireDue(now: due).isEmpty)
            let skipped = try await fixture.rows.jobEvents(job.id, after: 0)
            #expect(skipped.map(\.type) == ["schedule_skipped"] && skipped[0].payload.contains("training_jobs_per_day"))
            #expect(try await fixture.scheduler(isEnabled: false).fireDue(now: due.addingTimeInterval(60)).isEmpty)
            var draft = TrainingJobDraft(jobName: "nightly", minionID: fixture.minion.id, trainingType: .loraOnly, datasetIDs: [fixture.dataset.id])
            draft.plan.schedule = nil
            #expect(try await fixture.rows.updateJob(job.id, draft).nextRunAt == nil)
            #expect(try await fixture.metered.store.queue.due(now: due.addingTimeInterval(86_400)).isEmpty)
        }
    }

    @Test func aChangedDatasetTrainsAgainWhenItIsLeftAlone() async throws {
        try await withFixture { fixture in
            let job = try await fixture.job { $0.retrainOnChange = true }
            _ = try await fixture.rows.createJob(
                .init(jobName: "not asked", minionID: fixture.minion.id, trainingType: .loraOnly, datasetIDs: [fixture.dataset.id]))
            for version in 1...3 {
                _ = try await fixture.rows.replaceContent(
                    of: fixture.dataset.id, version: version, with: Self.content("v\(version)"), change: "replace")
            }
            let now = Date()
            #expect(try await fixture.scheduler(delay: 60).fireDue(now: now).isEmpty, "it may be changed again in a moment")
            #expect(try await fixture.scheduler(delay: 60).fireDue(now: now.addingTimeInterval(61)).count == 1, "three changes, one run")
            #expect(try await fixture.scheduler().fireDue(now: now.addingTimeInterval(120)).isEmpty)
            let run = try #require(try await fixture.runs(of: job).first)
            #expect(run.origin?.cause == .datasetChange && !run.retrainOnChange)
        }
    }
}
