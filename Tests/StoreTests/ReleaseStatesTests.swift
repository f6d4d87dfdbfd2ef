import Domain
import Foundation
import Store
import TestSupport
import Testing

@Suite struct ReleaseStatesTests {
    fileprivate struct Fixture {
        var store: TemporaryStore
        var rows: UserStore
        var minion: Minion

        func loss(_ voice: Double) -> ReleaseEvaluation {
            var evaluation = ReleaseEvaluation()
            (evaluation.baseValidationLoss, evaluation.validationLoss) = (5, voice)
            return evaluation
        }

        /// A release as a job makes it.
        func release(_ name: String, loss voice: Double = 4, held: Bool = false) async throws -> Release {
            let job = try await rows.createJob(
                .init(jobName: name, minionID: minion.id, trainingType: .loraOnly, datasetIDs: [], holdsRelease: held))
            _ = try await rows.startJob(job.id)
            let claimed = try #require(try await store.store.queue.claim(worker: "w", lease: .seconds(60)))
            return try #require(
                try await store.store.queue.complete(
                    claimed, worker: "w",
                    release: .init(
                        adapter: .init(id: "ada_\(name)", baseModel: "b", path: "p/\(name)", sha256: name, rank: 8, bytes: 1), collection: nil,
                        evaluation: loss(voice), base: .init(name: "b", sha256: "bb"))))
        }

        func states() async throws -> [String] {
            try await rows.releases(minionID: minion.id).items.reversed().map { "\($0.number) \($0.state.rawValue)" }
        }

        func active() async throws -> String? { try await rows.minion(minion.id).releaseID }

        func set(_ policy: ReleasePolicy) async throws {
            var draft = MinionDraft.sample()
            draft.releasePolicy = policy
            _ = try await rows.updateMinion(minion.id, draft)
        }
    }

    private func withMinion(_ body: (Fixture) async throws -> Void) async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            try await body(Fixture(store: store, rows: rows, minion: try await rows.createMinion(.sample())))
        }
    }

    @Test func thePolicyDecidesWhatBecomesOfANewRelease() async throws {
        try await withMinion { fixture in
            let first = try await fixture.release("a", loss: 4)
            #expect(first.state == .active)
            try await fixture.set(.init(mode: .manual))
            #expect(try await fixture.release("b", loss: 1).state == .candidate)
            try await fixture.set(.init(mode: .automatic, metric: "validation_loss", margin: 0.5))
            let close = try await fixture.release("c", loss: 3.8)
            #expect(close.state == .candidate && close.reason?.contains("surely by 0.2; the margin is 0.5") == true)
            #expect(try await fixture.active() == first.id)
            let better = try await fixture.release("d", loss: 3)
            #expect(better.state == .active && better.reason?.contains("against 4.0 of release 1") == true)
            #expect(try await fixture.states() == ["1 retired", "2 candidate", "3 candidate", "4 active"])
            #expect(try await fixture.active() == better.id)
        }
    }

    @Test func aHeldReleaseStaysACandidateUnderEveryPolicy() async throws {
        try await withMinion { fixture in
            let release = try await fixture.release("a", held: true)
            let active = try await fixture.active()
            #expect(release.state == .candidate && active == nil)
        }
    }

    @Test func theAddressIsThatOfTheContentAndNothingChangesIt() async throws {
        try await withMinion { fixture in
            let first = try await fixture.release("a")
            let text = try #require(first.content)
            #expect(first.contentSHA256 == Token.hash(text))
            let content = try ReleaseContent.read(text)
            #expect(content.adapter?.sha256 == "a" && content.base == .init(name: "b", sha256: "bb") && content.collection == nil)
            #expect(try content.canonical() == text)
            // Another adapter, another address; the same minion and settings.
            let second = try await fixture.release("b")
            #expect(second.contentSHA256 != first.contentSHA256)
            _ = try await fixture.rows.rollback(minionID: fixture.minion.id, reason: "r")
            var draft = MinionDraft.sample()
            draft.systemPrompt = "You are new."
            _ = try await fixture.rows.updateMinion(fixture.minion.id, draft)
            let again = try await fixture.rows.release(first.id)
            #expect(again.content == first.content && again.contentSHA256 == first.contentSHA256)
            // The settings are part of it.
            #expect(try ReleaseContent.read(try #require(try await fixture.release("c").content)).settings.systemPrompt == "You are new.")
        }
    }

    @Test func aRollbackGoesBackOneByOneAndThenSaysThatThereIsNone() async throws {
        try await withMinion { fixture in
            for name in ["a", "b", "c"] { _ = try await fixture.release(name) }
            let back = try await fixture.rows.rollback(minionID: fixture.minion.id, reason: "too slow")
            #expect(back.number == 2 && back.state == .active)
            #expect(try await fixture.states() == ["1 retired", "2 active", "3 rejected"])
            #expect(try await fixture.rows.rollback(minionID: fixture.minion.id, reason: "still").number == 1)
            let oldest = try await fixture.rows.releases(minionID: fixture.minion.id).items.last
            #expect(try await fixture.active() == oldest?.id)
            await #expect(throws: StoreError.self) { try await fixture.rows.rollback(minionID: fixture.minion.id, reason: "more") }
            let third = try #require(try await fixture.rows.releases(minionID: fixture.minion.id).items.first)
            #expect(third.reason == "rolled back to release 2: too slow")
            #expect(try await fixture.rows.releaseEvents(third.id).map(\.type) == ["created", "promoted", "rejected"])
            // What was taken back can be brought back on purpose.
            #expect(try await fixture.rows.promote(third.id, minionID: fixture.minion.id, reason: "mended").state == .active)
        }
    }

    @Test func promotionCanBringTheSettingsOfTheReleaseBack() async throws {
        try await withMinion { fixture in
            let first = try await fixture.release("a")
            _ = try await fixture.release("b")
            var draft = MinionDraft.sample()
            draft.systemPrompt = "new"
            draft.pipeline.topK = 9
            _ = try await fixture.rows.updateMinion(fixture.minion.id, draft)
            _ = try await fixture.rows.promote(first.id, minionID: fixture.minion.id, reason: "r")
            #expect(try await fixture.rows.minion(fixture.minion.id).pipeline.topK == 9, "the minion's settings are the minion's")
            _ = try await fixture.rows.rollback(minionID: fixture.minion.id, reason: "r")
            _ = try await fixture.rows.promote(first.id, minionID: fixture.minion.id, appliesSettings: true, reason: "r")
            let minion = try await fixture.rows.minion(fixture.minion.id)
            #expect(minion.pipeline.topK == PipelineSettings().topK && minion.systemPrompt == "")
        }
    }

    @Test func aReleaseWhoseAdapterIsGoneIsNotPromoted() async throws {
        try await withMinion { fixture in
            let first = try await fixture.release("a", held: true)
            let database = try fixture.store.place.open()
            try await database.write { _ = try $0.query("DELETE FROM adapters") }
            try database.close()
            await #expect {
                try await fixture.rows.promote(first.id, minionID: fixture.minion.id, reason: "r")
            } throws: { "\($0)".contains("adapter of release 1 was deleted") }
        }
    }

    @Test func aTrialRollsBackAndPromotesByItsFigures() async throws {
        try await withMinion { fixture in
            let active = try await fixture.release("a")
            let bad = try await fixture.release("b", held: true)
            let settings = CanarySettings(percent: 20, minRequests: 5, promoteAfter: 8)
            let trial = try await fixture.rows.startCanary(bad.id, minionID: fixture.minion.id, settings)
            await #expect(throws: StoreError.self) { try await fixture.rows.startCanary(bad.id, minionID: fixture.minion.id, settings) }
            for _ in 0..<5 {
                #expect(try await fixture.observe(trial, .active, failed: false) == "goes on")
            }
            for _ in 0..<4 { #expect(try await fixture.observe(trial, .canary, failed: true) == "goes on") }
            #expect(try await fixture.observe(trial, .canary, failed: true) == "rolled back")
            #expect(try await fixture.states() == ["1 active", "2 rejected"])
            #expect(try await fixture.rows.minion(fixture.minion.id).canary == nil)
            #expect(try await fixture.observe(trial, .canary, failed: false) == "over")

            let good = try await fixture.release("c", held: true)
            let second = try await fixture.rows.startCanary(good.id, minionID: fixture.minion.id, settings)
            for _ in 0..<5 { _ = try await fixture.observe(second, .active, failed: false) }
            for _ in 0..<7 { #expect(try await fixture.observe(second, .canary, failed: false) == "goes on") }
            #expect(try await fixture.observe(second, .canary, failed: false) == "promoted")
            #expect(try await fixture.states() == ["1 retired", "2 rejected", "3 active"])
            #expect(try await fixture.active() == good.id)
            #expect(try await fixture.rows.releaseEvents(good.id).map(\.type) == ["created", "canary_started", "promoted"])
            #expect(try await fixture.rows.releaseEvents(active.id).map(\.type) == ["created", "promoted", "retired"])
        }
    }

    @Test func theFiguresOfATrialOutliveTheProcess() async throws {
        try await withMinion { fixture in
            _ = try await fixture.release("a")
            let next = try await fixture.release("b", held: true)
            let trial = try await fixture.rows.startCanary(next.id, minionID: fixture.minion.id, .init(percent: 20, minRequests: 5))
            for _ in 0..<3 { _ = try await fixture.observe(trial, .canary, failed: true) }
            let other = try await fixture.store.reopened(keys: Fernet.generateKey())
            let figures = try await other.user(fixture.rows.userID).canaryFigures(trial)
            #expect(figures.canary.requests == 3 && figures.canary.failures == 3 && figures.active.requests == 0)
            try other.close()
            #expect(try await fixture.rows.endCanary(minionID: fixture.minion.id)?.state == .candidate)
            await #expect(throws: StoreError.self) { try await fixture.rows.endCanary(minionID: fixture.minion.id) }
        }
    }

    @Test func promotingAnotherReleaseEndsATrial() async throws {
        try await withMinion { fixture in
            _ = try await fixture.release("a")
            let trial = try await fixture.release("b", held: true)
            let other = try await fixture.release("c", held: true)
            _ = try await fixture.rows.startCanary(trial.id, minionID: fixture.minion.id, .init(percent: 20))
            _ = try await fixture.rows.promote(other.id, minionID: fixture.minion.id, reason: "r")
            #expect(try await fixture.states() == ["1 retired", "2 candidate", "3 active"])
            #expect(try await fixture.rows.minion(fixture.minion.id).canary == nil)
        }
    }

    @Test func aReleaseOfAnotherMinionIsNotFound() async throws {
        try await withMinion { fixture in
            let release = try await fixture.release("a")
            let other = try await fixture.rows.createMinion(.sample("Other"))
            await #expect(throws: StoreError.self) { try await fixture.rows.promote(release.id, minionID: other.id, reason: "r") }
            await #expect(throws: StoreError.self) { try await fixture.rows.release(release.id, minionID: other.id) }
        }
    }

    @Test func theHistoryTellsDataCurveReleaseAndWhatChanged() async throws {
        try await withMinion { fixture in
            let voice = try await fixture.rows.createDataset(.sample("voice"))
            let extra = try await fixture.rows.createDataset(.sample("extra"))
            func train(_ datasets: [String], _ config: TrainingConfig) async throws {
                let job = try await fixture.rows.createJob(
                    .init(jobName: "j", minionID: fixture.minion.id, trainingType: .loraOnly, datasetIDs: datasets, config: config))
                _ = try await fixture.rows.startJob(job.id)
                let claimed = try #require(try await fixture.store.store.queue.claim(worker: "w", lease: .seconds(60)))
                for step in 1...100 {
                    try await fixture.store.store.queue.record(
                        job.id, worker: "w", type: "progress", payload: Step(step: step, loss: 5 - Double(step) / 100), progress: nil, stage: nil)
                }
                try await fixture.store.store.queue.record(
                    job.id, worker: "w", type: "validation", payload: Step(step: 100, loss: 4.5), progress: nil, stage: nil)
                _ = try await fixture.store.store.queue.complete(
                    claimed, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: fixture.loss(4.5)))
            }
            try await train([voice.id], .init())
            try await train([voice.id, extra.id], .having { $0.rank = 8 })
            let items = try await fixture.rows.trainingHistory(minionID: fixture.minion.id).items
            #expect(items.map(\.inputs.count) == [2, 1])
            #expect(items[1].changes == nil)
            let changes = try #require(items[0].changes)
            #expect(changes.since == items[1].id && changes.datasetsAdded == ["extra"] && changes.datasetsRemoved.isEmpty)
            #expect(changes.config.keys.sorted() == ["rank"] && changes.config["rank"]?.from == "16" && changes.config["rank"]?.to == "8")
            let curve = try #require(items[0].curve)
            #expect(curve.train.count <= 40 && curve.train.last?.step == 100 && curve.validation.map(\.loss) == [4.5])
            #expect(abs(curve.train[0].loss - 4.98) < 1e-9, "the mean of the first three steps")
            #expect(items[0].release?.number == 2)
            // What the dataset becomes later changes nothing of what was trained from.
            _ = try await fixture.rows.deleteDataset(extra.id)
            #expect(try await fixture.rows.trainingHistory(minionID: fixture.minion.id).items[0].inputs.map(\.datasetName) == ["extra", "voice"])
        }
    }

    private struct Step: Encodable {
        var step: Int
        var loss: Double
    }
}

extension ReleaseStatesTests.Fixture {
    fileprivate func observe(_ canary: Canary, _ arm: CanaryArm, failed: Bool) async throws -> String {
        switch try await rows.observe(canary, minionID: minion.id, arm: arm, failed: failed, milliseconds: 10) {
        case .goOn: "goes on"
        case .rollBack: "rolled back"
        case .promote: "promoted"
        case nil: "over"
        }
    }
}
