import Foundation
import Store
import Testing

@Suite struct WebhookOutboxTests {
    private struct Fixture {
        var store: TemporaryStore
        var rows: UserStore
        var minion: Minion
        var queue: WebhookQueue { store.store.webhooks }

        func types(_ webhook: Webhook) async throws -> [String] {
            try await rows.deliveries(webhookID: webhook.id).items.reversed().map(\.eventType)
        }

        func startAndStop() async throws {
            let job = try await rows.createJob(.init(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: []))
            _ = try await rows.startJob(job.id)
            _ = try await rows.stopJob(job.id)
        }
    }

    private func withMinion(_ body: (Fixture) async throws -> Void) async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            try await body(Fixture(store: store, rows: rows, minion: try await rows.createMinion(.sample())))
        }
    }

    @Test func anEventIsWrittenForEveryWebhookThatWantsIt() async throws {
        try await withMinion { fixture in
            let all = try await fixture.rows.createWebhook(url: "https://example.org/a", events: []).webhook
            let some = try await fixture.rows.createWebhook(url: "https://example.org/b", events: ["job.stopped"]).webhook
            let off = try await fixture.rows.createWebhook(url: "https://example.org/c", events: []).webhook
            _ = try await fixture.rows.updateWebhook(off.id, url: off.url, events: [], isActive: false)
            let bob = fixture.store.store.user(try await fixture.store.user("bob").id)
            let foreign = try await bob.createWebhook(url: "https://example.org/d", events: []).webhook
            try await fixture.startAndStop()
            #expect(try await fixture.types(all) == ["job.queued", "job.stopped"])
            #expect(try await fixture.types(some) == ["job.stopped"])
            #expect(try await fixture.types(off).isEmpty)
            #expect(try await bob.deliveries(webhookID: foreign.id).items.isEmpty)
        }
    }

    @Test func nobodysDeliveriesWaitBehindThoseOfAnother() async throws {
        try await withMinion { fixture in
            let bob = fixture.store.store.user(try await fixture.store.user("bob").id)
            var anns: [Webhook] = []
            for number in 0..<12 {
                anns.append(try await fixture.rows.createWebhook(url: "https://example.org/\(number)", events: []).webhook)
                _ = try await fixture.rows.pingWebhook(anns[number].id)
            }
            let bobs = try await bob.createWebhook(url: "https://example.org/b", events: []).webhook
            _ = try await bob.pingWebhook(bobs.id)
            // Bob's came last, and is among the first.
            let first = try await fixture.queue.due(limit: 5, share: 4)
            #expect(first.count == 5 && first.filter { $0.userID == bob.userID }.map(\.delivery.webhookID) == [bobs.id])
            // While four of Ann's are under way, none of hers is due, and Bob's is.
            let busy = Dictionary(uniqueKeysWithValues: anns[..<4].map { ($0.id, fixture.rows.userID) })
            #expect(try await fixture.queue.due(share: 4, underWay: busy).map(\.delivery.webhookID) == [bobs.id])
            // With three of them, one more of hers; none that is under way already.
            let three = busy.filter { $0.key != anns[0].id }
            let next = try await fixture.queue.due(share: 4, underWay: three.merging([bobs.id: bob.userID]) { $1 })
            #expect(next.map(\.delivery.webhookID) == [anns[0].id])
        }
    }

    @Test func whatGoesOnIsNotBegunAgainAndTheTrainersStartIsNoneOfTheJobs() async throws {
        try await withMinion { fixture in
            let webhook = try await fixture.rows.createWebhook(url: "https://example.org/a", events: ["job.started"]).webhook
            let queue = fixture.store.store.queue
            let job = try await fixture.rows.createJob(.init(jobName: "j", minionID: fixture.minion.id, trainingType: .ragOnly, datasetIDs: []))
            _ = try await fixture.rows.startJob(job.id)
            _ = try #require(try await queue.claim(worker: "w", lease: .seconds(60)))
            _ = try await queue.record(job.id, worker: "w", type: "started", payload: ["steps": 3], progress: nil, stage: nil)
            // The worker died: another takes the job over.
            _ = try await queue.requeueLost(isAlive: { _ in false })
            let again = try #require(try await queue.claim(worker: "v", lease: .seconds(60)))
            #expect(again.attempt == 2 && again.id == job.id)
            #expect(try await fixture.types(webhook) == ["job.started"])
        }
    }

    @Test func theEventsOfOneTransactionComeInTheirOrder() async throws {
        try await withMinion { fixture in
            let webhook = try await fixture.rows.createWebhook(url: "https://example.org/a", events: []).webhook
            let job = try await fixture.rows.createJob(.init(jobName: "j", minionID: fixture.minion.id, trainingType: .ragOnly, datasetIDs: []))
            _ = try await fixture.rows.startJob(job.id)
            let claimed = try #require(try await fixture.store.store.queue.claim(worker: "w", lease: .seconds(60)))
            _ = try await fixture.store.store.queue.complete(claimed, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init()))
            var sent: [String] = []
            while let due = try await fixture.queue.due().first {
                sent.append(due.delivery.eventType)
                #expect(try await fixture.queue.begin(due.delivery, until: Date()))
                try await fixture.queue.record(due.delivery.id, status: 200, error: nil, milliseconds: 1, retryAt: nil)
            }
            #expect(sent == ["job.queued", "job.started", "release.created", "release.promoted", "job.completed"])
            #expect(try await fixture.rows.deliveries(webhookID: webhook.id).items.allSatisfy { $0.state == .delivered && $0.attempts == 1 })
        }
    }

    @Test func aLaterEventWaitsForTheEarlierAndOtherAddressesDoNot() async throws {
        try await withMinion { fixture in
            let slow = try await fixture.rows.createWebhook(url: "https://example.org/slow", events: []).webhook
            let quick = try await fixture.rows.createWebhook(url: "https://example.org/quick", events: []).webhook
            try await fixture.startAndStop()
            let first = try #require(try await fixture.queue.due().first { $0.delivery.webhookID == slow.id })
            #expect(try await fixture.queue.begin(first.delivery, until: Date().addingTimeInterval(60)))
            try await fixture.queue.record(
                first.delivery.id, status: 500, error: "the receiver answered 500", milliseconds: 1, retryAt: Date().addingTimeInterval(60))
            let due = try await fixture.queue.due()
            #expect(due.map(\.delivery.webhookID) == [quick.id])
            let later = try await fixture.queue.due(now: Date().addingTimeInterval(61)).first { $0.delivery.webhookID == slow.id }
            #expect(later?.delivery.id == first.delivery.id && later?.delivery.attempts == 1 && later?.delivery.status == 500)
            // Given up: the next one's turn, and the log says why.
            #expect(try await fixture.queue.begin(later!.delivery, until: Date().addingTimeInterval(60)))
            try await fixture.queue.record(first.delivery.id, status: nil, error: "no answer", milliseconds: 1, retryAt: nil)
            #expect(try await fixture.queue.due().first { $0.delivery.webhookID == slow.id }?.delivery.eventType == "job.stopped")
            let logged = try #require(try await fixture.rows.deliveries(webhookID: slow.id).items.last)
            #expect(logged.state == .failed && logged.attempts == 2 && logged.error == "no answer")
            let again = try await fixture.rows.redeliver(logged.id, webhookID: slow.id)
            #expect(again.id == logged.id && again.state == .pending && again.attempts == 0 && again.body == logged.body)
            await #expect(throws: StoreError.self) { try await fixture.rows.redeliver(logged.id, webhookID: slow.id) }
        }
    }

    @Test func anAttemptIsCountedBeforeItIsMade() async throws {
        try await withMinion { fixture in
            let webhook = try await fixture.rows.createWebhook(url: "https://example.org/a", events: []).webhook
            _ = try await fixture.rows.pingWebhook(webhook.id)
            let due = try #require(try await fixture.queue.due().first)
            #expect(try await fixture.queue.begin(due.delivery, until: Date().addingTimeInterval(60)))
            // As after a crash in the middle of it: it is on record, and not due before its time.
            let counted = try await fixture.rows.deliveries(webhookID: webhook.id).items[0]
            #expect(counted.attempts == 1 && counted.state == .pending)
            #expect(try await fixture.queue.due().isEmpty)
            #expect(try await fixture.queue.due(now: Date().addingTimeInterval(61)).first?.delivery.attempts == 1)
        }
    }

    @Test func twoProcessesDoNotMakeTheSameAttempt() async throws {
        try await withMinion { fixture in
            let webhook = try await fixture.rows.createWebhook(url: "https://example.org/a", events: []).webhook
            _ = try await fixture.rows.pingWebhook(webhook.id)
            let due = try #require(try await fixture.queue.due().first)
            #expect(try await fixture.queue.begin(due.delivery, until: Date()))
            #expect(try await fixture.queue.begin(due.delivery, until: Date()) == false)
            try await fixture.queue.record(due.delivery.id, status: 200, error: nil, milliseconds: 1, retryAt: nil)
            #expect(try await fixture.queue.begin(due.delivery, until: Date()) == false, "one that is over is not begun")
        }
    }

    @Test func anAttemptThatWasCutByTheServersEndIsNotCounted() async throws {
        try await withMinion { fixture in
            let webhook = try await fixture.rows.createWebhook(url: "https://example.org/a", events: []).webhook
            _ = try await fixture.rows.pingWebhook(webhook.id)
            let due = try #require(try await fixture.queue.due().first)
            #expect(try await fixture.queue.begin(due.delivery, until: Date().addingTimeInterval(60)))
            try await fixture.queue.undo(due.delivery)
            #expect(try await fixture.queue.due().first?.delivery.attempts == 0)
        }
    }

    @Test func theSecretIsSealedAndANewOneTakesItsPlace() async throws {
        try await withMinion { fixture in
            let (webhook, secret) = try await fixture.rows.createWebhook(url: "https://example.org/a", events: [])
            #expect(secret.hasPrefix("whsec_") && Data(base64Encoded: String(secret.dropFirst(6)))?.count == 32)
            let database = try fixture.store.place.open()
            let kept = try await database.read { try $0.query("SELECT encrypted_secret FROM webhooks")[0].text("encrypted_secret") }
            try database.close()
            #expect(kept.hasPrefix("gAAAA") && !kept.contains(secret.dropFirst(6)))
            _ = try await fixture.rows.pingWebhook(webhook.id)
            #expect(try await fixture.queue.due().map(\.secret) == [secret])
            let renewed = try await fixture.rows.renewWebhookSecret(webhook.id)
            #expect(renewed != secret)
            #expect(try await fixture.queue.due().map(\.secret) == [renewed])
        }
    }

    @Test func aQueueThatIsFullLogsWhatItDoesNotTake() async throws {
        try await withMinion { fixture in
            let webhook = try await fixture.rows.createWebhook(url: "https://example.org/a", events: []).webhook
            for _ in 0..<1000 { _ = try await fixture.rows.pingWebhook(webhook.id) }
            let beyond = try await fixture.rows.pingWebhook(webhook.id)
            #expect(beyond.state == .failed && beyond.error?.contains("waiting already") == true)
        }
    }
}
