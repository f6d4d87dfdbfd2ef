import Domain
import Foundation
import Store
import Synchronization
import TestDatabases
import Testing

/// Rows that another program or a disk has spoilt: lists show the others, sums skip them, and whoever writes or deletes one mends it.
@Suite struct UnreadableRowTests {
    fileprivate struct Fixture {
        var store: TemporaryStore
        var rows: UserStore
        var minion: Minion
        var other: Minion

        /// Past the program, as another one writes.
        func sql(_ statement: String) async throws {
            let database = try store.place.open()
            try await database.write { try $0.script(statement) }
            try database.close()
        }

        func release(_ name: String) async throws -> Release {
            let job = try await rows.createJob(.init(jobName: name, minionID: minion.id, trainingType: .loraOnly, datasetIDs: []))
            _ = try await rows.startJob(job.id)
            let claimed = try #require(try await store.store.queue.claim(worker: "w", lease: .seconds(60)))
            return try #require(
                try await store.store.queue.complete(
                    claimed, worker: "w",
                    release: .init(
                        adapter: .init(id: "ada_\(name)", baseModel: "b", path: "p/\(name)", sha256: name, rank: 8, bytes: 1), collection: nil,
                        evaluation: .init(), base: .init(name: "b", sha256: "bb"))))
        }
    }

    private func withMinions(_ body: (Fixture) async throws -> Void) async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let minion = try await rows.createMinion(.sample("Wick"))
            try await body(Fixture(store: store, rows: rows, minion: minion, other: try await rows.createMinion(.sample("Other"))))
        }
    }

    private func expect<T>(_ page: Page<T>, shows items: Int, spoilt: [String], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(page.items.count == items && (page.unreadable ?? []).map(\.id) == spoilt, sourceLocation: sourceLocation)
    }

    /// A column of JSON holds anything on both databases; one of numbers holds text on SQLite alone.
    static let spoilt: [(assignment: String, column: String)] =
        [
            (#"pipeline = '{"cache":"evil"}'"#, "pipeline.cache"), (#"pipeline = '{"top_k":"many"}'"#, "pipeline.top_k"),
            (#"pipeline = 'no JSON'"#, "pipeline"), (#"pipeline = '{"draft_timeout":[]}'"#, "pipeline.draft_timeout"),
            (#"fallbacks = '[{"provider":"openai"}]'"#, "fallbacks.Index 0.model"), (#"sampling = '[]'"#, "sampling"),
            (#"canary = '{}'"#, "canary.id"), (#"release_policy = '{"mode":"never heard of"}'"#, "release_policy.mode"),
        ] + (TestDatabase.isPostgres ? [] : [("created_at = 'yesterday'", "created_at"), ("created_at = 1.5", "created_at")])

    @Test(arguments: spoilt) func aMinionThatCannotBeReadSpoilsNoListAndIsMended(_ spoilt: (assignment: String, column: String)) async throws {
        try await withMinions { fixture in
            let (rows, id) = (fixture.rows, fixture.minion.id)
            try await fixture.sql("UPDATE external_api_models SET \(spoilt.assignment), system_prompt = 'kept' WHERE id = '\(id)'")
            let page = try await rows.minions()
            #expect(page.items.map(\.id) == [fixture.other.id])
            #expect(page.unreadable?.map(\.id) == [id] && page.unreadable?.first?.column == spoilt.column)
            #expect(page.unreadable?.first?.problem.contains("evil") == false, "what stands there is not told")
            let error = await #expect(throws: UnreadableRow.self) { try await rows.minion(id) }
            #expect(error?.id == id && error?.column == spoilt.column)
            // What can be read of it stays when it is written anew.
            let current = try await rows.minionToChange(id)
            #expect(current.systemPrompt == "kept" && current.pipeline == PipelineSettings())
            var draft = MinionDraft.sample("Wick")
            draft.systemPrompt = current.systemPrompt
            #expect(try await rows.updateMinion(id, draft).systemPrompt == "kept")
            try await expect(rows.minions(), shows: 2, spoilt: [])
            #expect(try await rows.minion(id).canary == nil)
            try await fixture.sql("UPDATE external_api_models SET \(spoilt.assignment) WHERE id = '\(id)'")
            _ = try await rows.deleteMinion(id)
            #expect(try await rows.minions().items.map(\.id) == [fixture.other.id])
        }
    }

    @Test func pagesGoOnBehindARowThatCannotBeRead() async throws {
        try await withMinions { fixture in
            for number in 0..<3 { _ = try await fixture.rows.createMinion(.sample("More \(number)")) }
            try await fixture.sql("UPDATE external_api_models SET pipeline = '{}x'")
            var seen: [String] = []
            var cursor: String?
            repeat {
                let page = try await fixture.rows.minions(#require(PageRequest(limit: 2, cursor: cursor)))
                #expect(page.items.isEmpty)
                seen += page.unreadable?.map(\.id) ?? []
                cursor = page.nextCursor
            } while cursor != nil
            #expect(Set(seen).count == 5 && seen.count == 5)
        }
    }

    @Test func theOperatorIsToldOnce() async throws {
        try await withMinions { fixture in
            let id = fixture.minion.id
            let told = Mutex<[UnreadableRow]>([])
            UnreadableRows.observe { row in if row.id == id { told.withLock { $0.append(row) } } }
            try await fixture.sql("UPDATE external_api_models SET pipeline = '[]' WHERE id = '\(id)'")
            for _ in 0..<3 { _ = try await fixture.rows.minions() }
            _ = try? await fixture.rows.minion(id)
            #expect(told.withLock { $0.map(\.column) } == ["pipeline"])
        }
    }

    @Test func datasetsJobsWebhooksAndKeysAreMendedByWritingThemAnew() async throws {
        try await withMinions { fixture in
            let rows = fixture.rows
            let datasets = [try await rows.createDataset(.sample("a")), try await rows.createDataset(.sample("b"))]
            try await fixture.sql("UPDATE user_training_datasets SET metadata = '[1]' WHERE id = '\(datasets[0].id)'")
            try await expect(rows.datasets(), shows: 1, spoilt: [datasets[0].id])
            _ = try await rows.datasetToChange(datasets[0].id)
            #expect(try await rows.updateDataset(datasets[0].id, name: "c", description: "d", isActive: true).metadata.description == "d")
            try await fixture.sql("UPDATE user_training_datasets SET metadata = 'x' WHERE id = '\(datasets[0].id)'")
            _ = try await rows.deleteDataset(datasets[0].id)

            let draft = TrainingJobDraft(jobName: "j", minionID: fixture.minion.id, trainingType: .loraOnly, datasetIDs: [])
            let jobs = [try await rows.createJob(draft), try await rows.createJob(draft)]
            for spoilt in ["config = '{\"epochs\":\"two\"}'", "error = '{}'", "schedule = '7'", "retry = 'x'"] {
                try await fixture.sql("UPDATE external_training_jobs SET \(spoilt) WHERE id = '\(jobs[0].id)'")
                try await expect(rows.jobs(), shows: 1, spoilt: [jobs[0].id])
                #expect(try await fixture.store.store.queue.jobs().unreadable?.count == 1)
                #expect(try await rows.trainingHistory(minionID: fixture.minion.id).items.count == 1)
                await #expect(throws: UnreadableRow.self) { try await rows.startJob(jobs[0].id) }
                _ = try await rows.jobToChange(jobs[0].id)
                #expect(try await rows.updateJob(jobs[0].id, draft).error == nil)
            }
            try await fixture.sql("UPDATE external_training_jobs SET config = '' WHERE id = '\(jobs[0].id)'")
            _ = try await rows.deleteJob(jobs[0].id)

            let hooks = [
                try await rows.createWebhook(url: "https://example.org/a", events: []).webhook,
                try await rows.createWebhook(url: "https://example.org/b", events: []).webhook,
            ]
            try await fixture.sql("UPDATE webhooks SET events = '{}' WHERE id = '\(hooks[0].id)'")
            try await expect(rows.webhooks(), shows: 1, spoilt: [hooks[0].id])
            // Events of the user's go on to the others.
            _ = try await rows.startJob(jobs[1].id)
            #expect(try await rows.deliveries(webhookID: hooks[1].id).items.map(\.eventType) == ["job.queued"])
            _ = try await rows.webhookToChange(hooks[0].id)
            #expect(try await rows.updateWebhook(hooks[0].id, url: hooks[0].url, events: ["job.failed"], isActive: true).events == ["job.failed"])

            let keys = [
                try await rows.createProviderKey("openai", key: "sk-0123456789ab", settings: .init(label: "a")),
                try await rows.createProviderKey("openai", key: "sk-0123456789cd", settings: .init(label: "b")),
            ]
            try await fixture.sql("UPDATE user_api_keys SET prices = '{}' WHERE id = '\(keys[0].id)'")
            #expect(try await rows.providerKeys().map(\.id) == [keys[1].id])
            #expect(try await rows.openProviderKeys("openai").map(\.id) == [keys[1].id])
            await #expect(throws: UnreadableRow.self) { try await rows.providerKey(keys[0].id) }
            let all = try await rows.allProviderKeys("openai")
            #expect(all.keys.map(\.id) == [keys[1].id] && all.unreadable.map(\.id) == [keys[0].id] && all.unreadable.map(\.column) == ["prices"])
            #expect(try await rows.updateProviderKey(keys[0].id, key: nil, settings: .init(label: "a")).prices.isEmpty)
            #expect(try await rows.allProviderKeys().unreadable.isEmpty)
            #expect(try await rows.openProviderKeys("openai").count == 2, "the key itself was kept")
        }
    }

    @Test(arguments: ["no JSON", "[]", "7", ""]) func aProviderDefinitionThatCannotBeReadIsToldOfAndMended(_ text: String) async throws {
        try await withMinions { fixture in
            for definitions in [fixture.rows.definitions, fixture.store.store.sharedDefinitions] {
                let own = try await definitions.create(provider: "acme", definition: #"{"v":1}"#)
                let other = try await definitions.create(provider: "other", definition: #"{"v":2}"#)
                try await fixture.sql("UPDATE provider_definitions SET definition = '\(text)' WHERE id = '\(own.id)'")
                try await expect(definitions.list(), shows: 1, spoilt: [own.id])
                let error = await #expect(throws: UnreadableRow.self) { try await definitions.get(own.id) }
                #expect(error?.column == "definition" && error?.id == own.id)
                #expect(try await definitions.visible().contains { $0.id == other.id })
                #expect(try await definitions.definitionToChange(own.id).provider == "acme")
                #expect(try await definitions.update(own.id, definition: #"{"v":3}"#).definition == #"{"v":3}"#)
                try await expect(definitions.list(), shows: 2, spoilt: [])
                try await fixture.sql("UPDATE provider_definitions SET definition = '\(text)' WHERE id = '\(own.id)'")
                try await definitions.delete(own.id)
                try await definitions.delete(other.id)
            }
        }
    }

    /// Keys that are stored for the name must not go to everybody's address.
    @Test func anOwnDefinitionThatCannotBeReadUncoversNoOther() async throws {
        try await withMinions { fixture in
            _ = try await fixture.store.store.sharedDefinitions.create(provider: "acme", definition: #"{"v":0}"#)
            let own = try await fixture.rows.definitions.create(provider: "acme", definition: #"{"v":1}"#)
            #expect(try await fixture.rows.definitions.visible().map(\.id) == [own.id])
            try await fixture.sql("UPDATE provider_definitions SET definition = 'no JSON' WHERE id = '\(own.id)'")
            #expect(try await fixture.rows.definitions.visible().isEmpty)
        }
    }

    @Test(arguments: ["no JSON", "[]", ""]) func anAnswerWhoseTraceCannotBeReadSaysSo(_ text: String) async throws {
        try await withMinions { fixture in
            let rows = fixture.rows
            try await rows.saveAnswer(
                id: "ans_1", minionID: fixture.minion.id, releaseID: nil, question: "q", answer: "a", trace: "{}", at: Date())
            #expect(try await rows.answer("ans_1").trace == "{}")
            try await fixture.sql("UPDATE answers SET trace = '\(text)' WHERE id = 'ans_1'")
            let error = await #expect(throws: UnreadableRow.self) { try await rows.answer("ans_1") }
            #expect(error?.id == "ans_1" && error?.column == "trace")
        }
    }

    @Test(arguments: ["no JSON", #"{"format":1}"#]) func aReleaseWhoseContentCannotBeReadIsListedAndSaysSo(_ text: String) async throws {
        try await withMinions { fixture in
            let release = try await fixture.release("a")
            try await fixture.sql("UPDATE releases SET content = '\(text)' WHERE id = '\(release.id)'")
            let stored = try await fixture.rows.release(release.id)
            let error = #expect(throws: UnreadableRow.self) { try stored.readContent() }
            #expect(error?.id == release.id && error?.column.hasPrefix("content") == true)
        }
    }

    @Test func limitsThatCannotBeReadSayWhose() async throws {
        try await withMinions { fixture in
            let (rows, minion) = (fixture.rows, fixture.minion.id)
            for target in [LimitTarget.minion(minion), .own, .user] {
                var limits = Limits()
                limits.requestsPerMinute = 5
                try await rows.setLimits(limits, for: target)
                for text in ["no JSON", "[]"] {
                    try await fixture.sql("UPDATE limits SET settings = '\(text)' WHERE scope <> 'default'")
                    let error = await #expect(throws: UnreadableRow.self) { try await rows.limitSettings() }
                    #expect(error?.id.hasPrefix("limits of ") == true && error?.column == "settings")
                    if case .minion = target { #expect(error?.id.contains(minion) == true) }
                }
                // Whoever writes them anew mends them.
                try await rows.setLimits(limits, for: target)
                _ = try await rows.limitSettings()
                try await rows.setLimits(Limits(), for: target)
            }
            try await fixture.store.store.limits.setDefaults(Limits())
            try await fixture.sql("UPDATE limits SET settings = '7' WHERE scope = 'default'")
            let error = await #expect(throws: UnreadableRow.self) { try await fixture.store.store.limits.defaults() }
            #expect(error?.id == "limits of default")
        }
    }

    @Test func aReleaseThatCannotBeReadHoldsUpNoOther() async throws {
        try await withMinions { fixture in
            let (first, second) = (try await fixture.release("a"), try await fixture.release("b"))
            let rows = fixture.rows
            try await fixture.sql("UPDATE releases SET evaluation = '7' WHERE id = '\(second.id)'")
            let page = try await rows.releases(minionID: fixture.minion.id)
            #expect(page.items.map(\.id) == [first.id] && page.unreadable?.map(\.id) == [second.id])
            await #expect(throws: UnreadableRow.self) { try await rows.release(second.id) }
            // It answers now, and gives its place.
            #expect(try await rows.rollback(minionID: fixture.minion.id, reason: "r").id == first.id)
            #expect(try await rows.minion(fixture.minion.id).releaseID == first.id)
            // What a release is made of is asked for where it is to answer again.
            let third = try await fixture.release("c")
            try await fixture.sql("UPDATE releases SET content = '{\"format\":1}' WHERE id = '\(first.id)'")
            await #expect(throws: UnreadableRow.self) { try await rows.promote(first.id, minionID: fixture.minion.id, reason: "again") }
            #expect(try await rows.minion(fixture.minion.id).releaseID == third.id)
            _ = try await rows.deleteMinion(fixture.minion.id)
        }
    }

    @Test func aJobThatCannotBeReadDoesNotBlockTheQueue() async throws {
        try await withMinions { fixture in
            let rows = fixture.rows
            let bad = try await rows.createJob(.init(jobName: "bad", minionID: fixture.minion.id, trainingType: .loraOnly, datasetIDs: []))
            let good = try await rows.createJob(.init(jobName: "good", minionID: fixture.other.id, trainingType: .loraOnly, datasetIDs: []))
            for job in [bad, good] { _ = try await rows.startJob(job.id) }
            try await fixture.sql("UPDATE external_training_jobs SET config = '{\"rank\":{}}' WHERE id = '\(bad.id)'")
            #expect(try await fixture.store.store.queue.claim(worker: "w", lease: .seconds(60))?.id == good.id)
            try await fixture.sql("UPDATE external_training_jobs SET config = '{}' WHERE id = '\(bad.id)'")
            let ended = try await rows.job(bad.id)
            #expect(ended.status == .failed && ended.error?.code == "row_unreadable" && ended.error?.message.contains("config.rank") == true)
        }
    }

    @Test func collectionsAndTheAuditLogShowTheOthers() async throws {
        try await withMinions { fixture in
            let rows = fixture.rows
            var collections: [Collection] = []
            for minion in [fixture.minion, fixture.other] {
                collections.append(try await rows.beginCollection(minion: minion, embedder: "e", dimension: 4, job: "job_\(minion.name)"))
            }
            try await fixture.sql("UPDATE audit_log SET detail = '[]' WHERE target = '\(fixture.minion.id)'")
            let audit = try await fixture.store.store.audit.entries()
            #expect(audit.unreadable?.count == 1 && audit.items.contains { $0.target == fixture.other.id })
            guard !TestDatabase.isPostgres else { return }
            try await fixture.sql("UPDATE collections SET dimension = 'wide' WHERE id = '\(collections[0].id)'")
            try await expect(rows.collections(), shows: 1, spoilt: [collections[0].id])
            await #expect(throws: UnreadableRow.self) { try await rows.collection(collections[0].id) }
            try await rows.deleteCollection(collections[0].id)
            #expect(try await rows.collections().unreadable == nil)
            #expect(try await rows.storedBytes() == 0)
        }
    }

    @Test(.enabled(if: !TestDatabase.isPostgres, "PostgreSQL takes no text for a number"))
    func sumsSkipWhatIsNoWholeNumber() async throws {
        try await withMinions { fixture in
            let rows = fixture.rows
            let now = Date()
            func record(_ id: String) -> UsageRecord {
                UsageRecord(
                    id: id, minionID: fixture.minion.id, answerID: nil, purpose: "answer", provider: "p", model: "m", at: now, inputTokens: 10,
                    outputTokens: 1, cachedTokens: nil, isEstimate: false, cost: 1, latencyMilliseconds: 5, firstTokenMilliseconds: nil, outcome: "ok"
                )
            }
            try await rows.recordUsage((0..<9).map { record("use_\($0)") })
            for (number, assignment) in [
                "input_tokens = 'many'", "input_tokens = 1.5", "output_tokens = x'00'", "cost = 'dear'", "is_estimate = 'yes'", "latency_ms = 'long'",
                "at = 'today'", "at = \(now.timeIntervalSince1970 * 1000 + 0.5)",
            ].enumerated() {
                try await fixture.sql("UPDATE usage_records SET \(assignment) WHERE id = 'use_\(number)'")
            }
            let report = try #require(try await rows.usageReport(.init()).rows.first)
            #expect(report.inputTokens == 50 && report.requests == 7 && report.cost == 6 && report.estimatedRequests == 0)
            #expect(try await rows.usageReport(.init(groupBy: [.day, .model])).rows.count == 1)
            #expect(try await fixture.store.store.usageReport(.init(groupBy: [.user])).rows.map(\.outputTokens) == [6])
            #expect(try await rows.usageSummary().map(\.inputTokens) == [50])
            let spent = try await rows.spent(day: now.addingTimeInterval(-60), month: now.addingTimeInterval(-60)) { [] }
            #expect(spent.user.tokens == 56 && spent.user.cost == 6 && spent.user.requests == 7)
            let page = try await rows.usage()
            #expect(page.items.contains { $0.id == "use_8" } && page.unreadable?.contains { $0.id == "use_1" && $0.column == "input_tokens" } == true)
            // What has no time is of every page and every report, and never left out silently.
            #expect(Set(["use_6", "use_7"]).isSubset(of: Set((page.unreadable ?? []).filter { $0.column == "at" }.map(\.id))))
            let lastHour = UsageQuery(from: now.addingTimeInterval(-3600), to: now.addingTimeInterval(3600))
            for query in [UsageQuery(), lastHour] {
                #expect(try await rows.usageReport(query).unreadable?.map(\.id) == ["use_7", "use_6"])
                #expect(try await fixture.store.store.usageReport(query).unreadable?.map(\.column) == ["at", "at"])
            }
            try await fixture.sql("UPDATE usage_records SET at = -5 WHERE id = 'use_7'")
            #expect(try await rows.usage(.first, lastHour).unreadable?.contains { $0.id == "use_7" && $0.column == "at" } == true)
            #expect(try await rows.usageReport(lastHour).unreadable?.map(\.id) == ["use_7", "use_6"])
            try await fixture.sql("UPDATE usage_records SET at = 0 WHERE id IN ('use_6', 'use_7')")
            #expect(try await rows.usageReport(.init()).unreadable == nil)
        }
    }
}
