import Domain
import Foundation
import Store
import TestDatabases
import Testing

/// Numbers out of bounds, from rows and from outside: moved within them, or refused, never added.
@Suite struct BoundsTests {
    private func record(_ input: Int?, _ output: Int?, cost: Double? = 1) -> UsageRecord {
        UsageRecord(
            minionID: "min_1", answerID: nil, purpose: "answer", provider: "p", model: "m", at: Date(), inputTokens: input, outputTokens: output,
            cachedTokens: nil, isEstimate: false, cost: cost, latencyMilliseconds: 1, firstTokenMilliseconds: nil, outcome: "ok")
    }

    @Test func aRecordHoldsNoImpossibleNumber() {
        for count in [Int.max, Int.min, -1, 1_000_000_001] {
            #expect(record(count, count).inputTokens == nil && record(count, count).outputTokens == nil && record(count, 5).tokens == 5)
        }
        #expect(record(1_000_000_000, 1_000_000_000).tokens == 2_000_000_000)
        for cost in [-0.01, .infinity, .nan, 1e300] { #expect(record(1, 1, cost: cost).cost == nil) }
        var poisoned = record(1, 1)
        (poisoned.inputTokens, poisoned.outputTokens) = (.max, .max)
        #expect(poisoned.tokens == .max)
    }

    @Test func sumsOverPoisonedRowsAreSums() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            try await rows.recordUsage([record(10, 20), record(1, 2)])
            try await Self.poison(store.place, rows.userID)
            let report = try #require(try await rows.usageReport(.init()).rows.first)
            #expect(report.inputTokens == 11 && report.outputTokens == 22 && report.cost == 2 && report.requests == 5)
            #expect(try await store.store.usageReport(.init(groupBy: [.user])).rows.map(\.outputTokens) == [22])
            #expect(try await rows.usageSummary().map(\.inputTokens) == [11])
            #expect(try await rows.usage().items.allSatisfy { $0.tokens <= 30 && $0.cost ?? 0 <= 1 })
            let spent = try await rows.spent(day: Date(milliseconds: 0), month: Date(milliseconds: 0)) { [] }
            #expect(spent.user.tokens == 33 && spent.user.cost == 2 && spent.user.requests == 5)
            #expect(spent.counted.cost == 2 && spent.counted.monthCost == 2)
        }
    }

    /// As an older program writes them.
    private static func poison(_ place: TestDatabase, _ user: String) async throws {
        let database = try place.open()
        try await database.write { connection in
            for (id, count, cost) in [("u1", Int64.max, "1e14"), ("u2", Int64.max, "9e13"), ("u3", -1_000_000, "1e14")] {
                try connection.query(
                    """
                    INSERT INTO usage_records (id, user_id, purpose, provider, model, at, input_tokens, output_tokens, cached_tokens, is_estimate,
                        cost, counted_cost, latency_ms, outcome)
                    VALUES ($1, $2, 'answer', 'p', 'm', 5, $3, $3, 0, 0, \(cost), \(cost), 1, 'ok')
                    """, .text(id), .text(user), .integer(count))
            }
        }
        try database.close()
    }

    /// What an older version let in is taken back by the migration, so that no other program trips over it.
    @Test func aPoisonedDatabaseIsRepairedAtTheStart() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-poisoned-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = try await TestDatabase(in: folder)
        try await FirstVersion.make(in: place) { connection in
            for (id, input, cost) in [("u1", "9223372036854775807", "1e14"), ("u2", "-1000000", "0.5"), ("u3", "10", "0.25"), ("u4", "NULL", "1e11")]
            {
                try connection.script(
                    """
                    INSERT INTO usage_records (id, user_id, purpose, provider, model, at, input_tokens, output_tokens, is_estimate, cost, latency_ms,
                        outcome) VALUES ('\(id)', 'usr_1', 'answer', 'p', 'm', 5, \(input), 1, 0, \(cost), 1, 'ok');
                    """)
            }
        }
        let store = try await Store(database: place.open(), vault: KeyVault(keys: Fernet.generateKey()))
        let database = try place.open()
        let kept = try await database.read { connection in
            try connection.query("SELECT id, input_tokens, output_tokens, cost FROM usage_records ORDER BY id").map { row in
                "\(try row.text("id")) \(try row.optionalInt("input_tokens") ?? -1) \(try row.optionalInt("output_tokens") ?? -1) \(try row.optionalDouble("cost") ?? -1)"
            }
        }
        #expect(kept == ["u1 -1 -1 -1.0", "u2 -1 -1 -1.0", "u3 10 1 0.25", "u4 -1 1 -1.0"])
        #expect(try await store.user("usr_1").usageReport(.init()).rows.first?.inputTokens == 10)
        try database.close()
        try store.close()
    }

    @Test func settingsOfRowsAreMovedWithinBounds() throws {
        let row = """
            {"top_k":1000000,"voice_examples":-4,"draft_timeout":1e300,"restyle_timeout":-1,"rerank":9223372036854775807,"expand":-9223372036854775808,
             "neighbours":99,"passage_tokens":-1,"draft_max_tokens":9223372036854775807,"draft_temperature":-1e300,"adapter_scale":1e300,
             "restyle_threshold":7}
            """
        let settings = try JSONDecoder().decode(PipelineSettings.self, from: Data(row.utf8))
        #expect(settings.topK == 20 && settings.voiceExamples == 1 && settings.draftTimeout == 600 && settings.restyleTimeout == 0.001)
        #expect(settings.rerank == 100 && settings.expand == 0 && settings.neighbours == 3 && settings.passageTokens == 1)
        #expect(settings.draftMaxTokens == 1024 && settings.draftTemperature == 0 && settings.adapterScale == 2 && settings.restyleThreshold == 1)
        let sampling = try JSONDecoder().decode(Sampling.self, from: Data(#"{"max_tokens":9223372036854775807,"seed":-1,"top_p":5}"#.utf8))
        #expect(sampling == Sampling(topP: 1, maxTokens: 200_000, seed: 0))
        let config = try JSONDecoder().decode(
            TrainingConfig.self, from: Data(#"{"rank":-1,"chunk_tokens":0,"chunk_overlap":9223372036854775807}"#.utf8))
        #expect(config.rank == 1 && config.chunkTokens == 32 && config.chunkOverlap == 256)
        let beyond = #"{"max_tokens":9223372036854775808,"seed":-9223372036854775809}"#
        #expect(try JSONDecoder().decode(Sampling.self, from: Data(beyond.utf8)) == Sampling(maxTokens: 200_000, seed: 0))
        let retry = try JSONDecoder().decode(JobRetries.self, from: Data(#"{"max_attempts":9223372036854775807,"backoff_seconds":-5}"#.utf8))
        #expect(retry == JobRetries(maxAttempts: 100, backoffSeconds: 0))
        // What is within them is left alone.
        #expect(try JSONDecoder().decode(PipelineSettings.self, from: JSONEncoder().encode(PipelineSettings())) == PipelineSettings())
    }

    private static func content(_ sampling: String = "{}", _ pipeline: String = "{}", prompt: String = "Be brief.", parts: String = "") -> String {
        #"{"format":1,"settings":{"model_id":"m","pipeline":\#(pipeline),"provider":"p","sampling":\#(sampling),"system_prompt":"\#(prompt)"}\#(parts)}"#
    }

    @Test(arguments: [
        (content(#"{"max_tokens":9223372036854775807}"#), "settings.sampling.max_tokens"),
        (content(#"{"max_tokens":-1}"#), "settings.sampling.max_tokens"),
        (content(#"{"max_tokens":9223372036854775808}"#), "settings.sampling.max_tokens"),
        (content(#"{"temperature":-1}"#), "settings.sampling.temperature"),
        (content("{}", #"{"top_k":1000000}"#), "settings.pipeline.top_k"), (content("{}", #"{"top_k":-1000000}"#), "settings.pipeline.top_k"),
        (content("{}", #"{"draft_timeout":1e300}"#), "settings.pipeline.draft_timeout"),
        (content("{}", #"{"voice_examples":0}"#), "settings.pipeline.voice_examples"),
        (content("{}", #"{"draft_max_tokens":1025}"#), "settings.pipeline.draft_max_tokens"),
        (content(prompt: String(repeating: "x", count: 20_001)), "settings.system_prompt"), (content(prompt: #"a\u0000b"#), "settings.system_prompt"),
        (content(parts: #","adapter":{"base_model":"b","rank":-1,"sha256":"x"}"#), "adapter.rank"),
        (content(parts: #","collection":{"chunks":-1,"dimension":4,"documents":1,"embedder":"e"}"#), "collection.chunks"),
        (content(parts: #","collection":{"chunks":1,"dimension":4294967296,"documents":1,"embedder":"e"}"#), "collection.dimension"),
    ])
    func aForeignReleaseIsHeldAgainstTheBoundsOfARequest(text: String, field: String) throws {
        let error = try #require(throws: DecodingError.self) { try ReleaseContent.readForeign(text) }
        guard case .dataCorrupted(let context) = error else { throw error }
        #expect(context.codingPath.map(\.stringValue).joined(separator: ".") == field, "\(context)")
    }

    @Test func aForeignReleaseWithinBoundsIsTaken() throws {
        let text = Self.content(#"{"max_tokens":200000,"temperature":2}"#, #"{"top_k":20,"draft_timeout":600}"#)
        #expect(try ReleaseContent.readForeign(text).settings.pipeline.topK == 20)
        // A row of before is still read, and answers within bounds.
        #expect(try ReleaseContent.read(Self.content(#"{"max_tokens":9223372036854775807}"#)).settings.sampling.maxTokens == 200_000)
    }

    @Test func conversionsSaturate() {
        #expect(Int(clamping: 1e300) == .max && Int(clamping: -1e300) == .min && Int(clamping: .nan) == 0 && Int(clamping: .infinity) == .max)
        #expect(Int(clamping: 2.9) == 2 && Int(clamping: -2.9) == -2 && Int(clamping: 9.3e18) == .max)
        #expect(Int.max.adding(1) == .max && Int.min.adding(-1) == .min && 3.adding(4) == 7)
        for seconds in [1e300, -1e300, 9.3e15] { _ = Date(timeIntervalSince1970: seconds).milliseconds }
        #expect(Date(milliseconds: .max).milliseconds == .max)
    }
}
