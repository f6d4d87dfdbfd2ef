import Calls
import Foundation
import HTTPTypes
import Server
import Store
import Testing

@Suite struct LimitsTests {
    /// What it takes for each POST route to spend; the request must be one that would be let in.
    /// Trap 4: a route that is in neither list fails the test.
    private static let spending: [String: (path: String, body: String, limit: String)] = [
        "POST /api/users/{user_id}/minions/{minion_id}/ask": ("", #"{"question":"q"}"#, "requests_per_day"),
        "POST /v1/chat/completions": ("", #"{"model":"Wick","messages":[{"role":"user","content":"q"}]}"#, "requests_per_day"),
        "POST /v1/messages": ("", #"{"model":"Wick","max_tokens":5,"messages":[{"role":"user","content":"q"}]}"#, "requests_per_day"),
        "POST /v1/embeddings": ("", #"{"model":"{embedder}","input":"q"}"#, "requests_per_day"),
        "POST /api/users/{user_id}/providers/{provider}/test": ("?model=gpt-4o-mini", "", "requests_per_day"),
        "POST /api/users/{user_id}/providers": (
            "", #"{"provider":"openai","api_key":"sk-abcdefgh5678","label":"second","test_model":"gpt-4o-mini"}"#, "requests_per_day"
        ),
        "POST /api/users/{user_id}/external-training/jobs": (
            "", #"{"minion_id":"{minion_id}","training_type":"lora_only","dataset_ids":["{dataset_id}"],"start":true}"#, "training_jobs_per_day"
        ),
        "POST /api/users/{user_id}/external-training/jobs/{job_id}/start": ("", "", "training_jobs_per_day"),
        "POST /api/users/{user_id}/external-training/jobs/{job_id}/restart": ("", "", "training_jobs_per_day"),
        "POST /api/users/{user_id}/training-datasets": ("?dataset_name=w&dataset_type=custom", "content", "storage_bytes"),
        "POST /api/users/{user_id}/minions/{minion_id}/releases/import": ("", "content", "storage_bytes"),
        "POST /api/users/{user_id}/minions": ("", TestServer.minion, "minions"),
        "POST /api/users/{user_id}/provider-definitions": ("", "{}", "provider_definitions"),
        "POST /api/users/{user_id}/webhooks": ("", #"{"url":"https://example.org/hook","events":[]}"#, "webhooks"),
    ]
    private static let free: Set<String> = [
        "POST /api/auth/register", "POST /api/auth/login", "POST /api/auth/logout",
        "POST /api/users/{user_id}/minions/{minion_id}/token", "POST /api/admin/provider-definitions",
        "POST /api/users/{user_id}/external-training/jobs/{job_id}/stop", "POST /api/users/{user_id}/external-training/jobs/estimate",
        "POST /api/auth/link", "POST /api/users/{user_id}/minions/{minion_id}/rollback",
        "POST /api/users/{user_id}/minions/{minion_id}/releases/{release_id}/promote",
        "POST /api/users/{user_id}/minions/{minion_id}/releases/{release_id}/canary",
        "POST /api/users/{user_id}/webhooks/{webhook_id}/secret", "POST /api/users/{user_id}/webhooks/{webhook_id}/test",
        "POST /api/users/{user_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
        // Takes room as it comes in, but for a base model, of which a test server has none.
        "POST /api/users/{user_id}/adapters",
        // Searched with the model on this machine.
        "POST /api/users/{user_id}/collections/{collection_id}/search",
    ]

    @Test func trap_4_everyRouteThatSpendsIsLimited() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            func id(_ path: String, _ body: String) async throws -> String {
                try #require(try await server.send(.post, "\(ann.base)/\(path)", body, token: ann.token).json["id"] as? String)
            }
            let minion = try await id("minions", TestServer.minion)
            let token = try #require(try await server.send(.post, "\(ann.base)/minions/\(minion)/token", token: ann.token).json["token"] as? String)
            let dataset = try await id("training-datasets?dataset_name=v&dataset_type=jsonl", TestServer.chat)
            let job = try await id(
                "external-training/jobs", #"{"minion_id":"\#(minion)","training_type":"lora_only","dataset_ids":["\#(dataset)"]}"#)
            _ = try await server.send(
                .post, "\(ann.base)/providers", #"{"provider":"openai","api_key":"sk-abcdefgh1234","test":false}"#, token: ann.token)
            let all = LimitName.allCases.map { "\"\($0.rawValue)\":0" }.joined(separator: ",")
            #expect(try await server.send(.put, "/api/admin/users/\(ann.id)/limits", "{\(all)}", token: root.token).status == 200)
            let ids = [
                "{user_id}": ann.id, "{minion_id}": minion, "{dataset_id}": dataset, "{job_id}": job, "{provider}": "openai",
                "{embedder}": server.app.engine.embedder.lastPathComponent,
            ]
            func filled(_ text: String) -> String { ids.reduce(text) { $0.replacingOccurrences(of: $1.key, with: $1.value) } }
            var walked: Set<String> = []
            for route in try server.app.router().routes where route.method == .post {
                let name = "\(route.method) \(route.path)"
                if Self.free.contains(name) { continue }
                guard let spending = Self.spending[name] else {
                    Issue.record("\(name) is in neither list: say whether it spends")
                    continue
                }
                walked.insert(name)
                let isV1 = "\(route.path)".hasPrefix("/v1/")
                let reply = try await server.send(
                    .post, filled("\(route.path)") + spending.path, filled(spending.body), token: isV1 ? token : ann.token)
                #expect(reply.status == 429, "\(name) answered \(reply.status) \(reply.text)")
                // Trap 9: our own refusal says when to come back.
                #expect(Int(reply.headers[.retryAfter] ?? "") ?? 0 >= 1, "\(name) does not say when")
                if name == "POST /v1/messages" {
                    // Anthropic's errors have a type and no code.
                    #expect((reply.json["error"] as? [String: Any])?["type"] as? String == "rate_limit_error", "\(name): \(reply.text)")
                } else if isV1 {
                    #expect(reply.code == "insufficient_quota" || reply.code == "rate_limit_exceeded", "\(name): \(reply.text)")
                } else {
                    #expect(reply.code == "limit_exceeded", "\(name): \(reply.text)")
                    #expect(reply.details.first?["limit"] as? Double == 0 && reply.details.first?["scope"] as? String == "user", "\(name)")
                }
            }
            #expect(walked == Set(Self.spending.keys), "every route of the list was there")
            // Each by the limit that is its own.
            for (name, spending) in Self.spending where !name.contains("/v1/") {
                _ = try await server.send(.put, "/api/admin/users/\(ann.id)/limits", #"{"\#(spending.limit)":0}"#, token: root.token)
                let path = filled(String(name.dropFirst(5))) + spending.path
                let reply = try await server.send(.post, path, filled(spending.body), token: ann.token)
                #expect(reply.status == 429 && reply.details.first?["field"] as? String == spending.limit, "\(name): \(reply.text)")
            }
            #expect(server.app.meter.refusals["requests_per_day"] ?? 0 > 0)
        }
    }

    @Test func aRefusedUploadAndAStartThatFailsLeaveNothingBehind() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            _ = try await server.send(.put, "/api/admin/users/\(ann.id)/limits", #"{"storage_bytes":100}"#, token: root.token)
            func upload(_ name: String, bytes: Int) async throws -> TestServer.Reply {
                try await server.send(
                    .post, "\(ann.base)/training-datasets?dataset_name=\(name)&dataset_type=custom", String(repeating: name, count: bytes),
                    token: ann.token)
            }
            #expect(try await upload("a", bytes: 60).status == 201)
            let refused = try await upload("b", bytes: 60)
            #expect(refused.status == 429 && refused.details.first?["used"] as? Double == 60)
            #expect(try await upload("c", bytes: 40).status == 201)
            let items = try await server.send(.get, "\(ann.base)/training-datasets", token: ann.token).json["items"] as? [[String: Any]] ?? []
            #expect(items.count == 2)
            let first = try #require(items.first?["id"] as? String)
            #expect(try await server.send(.delete, "\(ann.base)/training-datasets/\(first)", token: ann.token).status == 204)
            #expect(try await upload("d", bytes: 40).status == 201, "what is deleted makes room")
            let files = FileManager.default.enumerator(atPath: server.folder.appending(path: "users/\(ann.id)").path)?.allObjects as? [String] ?? []
            #expect(!files.contains { $0.hasPrefix("uploads/") })
        }
    }

    @Test func limitsAreReadAndSetWithTheirUse() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            _ = try await server.send(
                .put, "/api/admin/limits", #"{"requests_per_day":7,"cost_per_month":20.5,"unpriced":"refuse"}"#, token: root.token)
            #expect(try await server.send(.get, "/api/admin/limits", token: root.token).json["requests_per_day"] as? Int == 7)
            server.app.meter.settle(
                try await server.app.meter.admit(user: ann.id, minion: minion, tokens: 1, cost: 0),
                [
                    UsageRecord(
                        minionID: minion, answerID: "a", purpose: "answer", provider: "p", model: "m", at: Date(), inputTokens: 3, outputTokens: 4,
                        cachedTokens: nil, isEstimate: false, cost: nil, latencyMilliseconds: 1, firstTokenMilliseconds: nil, outcome: "ok")
                ])
            let body = try await server.send(.get, "\(ann.base)/limits", token: ann.token).json
            let limits = Dictionary(uniqueKeysWithValues: (body["limits"] as? [[String: Any]] ?? []).map { ($0["name"] as? String ?? "", $0) })
            #expect(limits.count == LimitName.allCases.count)
            let requests = try #require(limits["requests_per_day"])
            #expect(requests["limit"] as? Double == 7 && requests["used"] as? Double == 1 && requests["remaining"] as? Double == 6)
            #expect(requests["scope"] as? String == "default" && (requests["resets_at"] as? String)?.hasSuffix("T00:00:00.000Z") == true)
            #expect(limits["tokens_per_day"]?["used"] as? Double == 7 && limits["tokens_per_day"]?["limit"] == nil)
            // Trap 2: what has no price is told, not taken for nothing.
            #expect(body["unpriced_requests"] as? Int == 1)
            let usage = try await server.send(.get, "\(ann.base)/usage", token: ann.token).json
            #expect(
                (usage["summary"] as? [[String: Any]])?.first?["unpriced_requests"] as? Int == 1, "whoever looks sees the request that has just ended"
            )

            let own = try await server.send(.put, "\(ann.base)/limits/minions/\(minion)", #"{"tokens_per_day":5}"#, token: ann.token)
            #expect(own.status == 200 && own.json["id"] as? String == minion)
            do {
                _ = try await server.app.meter.admit(user: ann.id, minion: minion, tokens: 1, cost: 0)
                Issue.record("the limit does not hold")
            } catch let exceeded as LimitExceeded { #expect(exceeded.scope == .minion && exceeded.used == 7) }
            #expect(try await server.send(.put, "\(ann.base)/limits/minions/\(minion)", "{}", token: ann.token).status == 200)
            _ = try await server.app.meter.admit(user: ann.id, minion: minion, tokens: 1, cost: 0)
            let audit = try await server.send(.get, "/api/admin/audit-log", token: root.token)
            #expect(audit.text.contains("limits.set"))
        }
    }

    /// Where nothing is set, the reply was `{}`, and the built-in limits held unseen.
    @Test func superusersSeeWhatHoldsWhereNothingIsSet() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            let (all, one) = ("/api/admin/limits", "/api/admin/users/\(ann.id)/limits")
            for path in [all, one] {
                let body = try await server.send(.get, path, token: root.token).json
                let inForce = try #require(body["in_force"] as? [String: Any])
                #expect(body.count == 1 && inForce["unpriced"] as? String == "allow")
                for name in LimitName.allCases { #expect(inForce[name.rawValue] as? Double == name.standard, "\(name)") }
            }
            // What is told may be sent back with changes; what holds is not thereby set.
            let told = try await server.send(.get, all, token: root.token).text
            let changed = try await server.send(.put, all, told.replacing("{\"in_force\"", with: #"{"minions":7,"in_force""#), token: root.token)
            #expect(changed.json["minions"] as? Int == 7 && (changed.json["in_force"] as? [String: Any])?["minions"] as? Int == 7)
            #expect(changed.json["datasets"] == nil && (changed.json["in_force"] as? [String: Any])?["datasets"] as? Int == 2000)
            let lifted = try await server.send(.put, one, #"{"datasets":3,"unlimited":["minions"]}"#, token: root.token)
            let inForce = try #require(lifted.json["in_force"] as? [String: Any])
            #expect(inForce["minions"] == nil && inForce["datasets"] as? Int == 3 && inForce["webhooks"] as? Int == 20)
            // What the user sets does not show there, and may not hold it.
            #expect(try await server.send(.put, "\(ann.base)/limits", #"{"in_force":{}}"#, token: ann.token).status == 422)
        }
    }

    @Test func aLimitThatIsNotOneIsNamed() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            let body = #"{"requests_per_day":-1,"cost_per_day":"much","tokens_per_minute":1.5,"unpriced":"never","storage":1}"#
            let reply = try await server.send(.put, "\(ann.base)/limits", body, token: ann.token)
            #expect(reply.status == 422)
            #expect(
                Set(reply.details.compactMap { $0["field"] as? String }) == [
                    "requests_per_day", "cost_per_day", "tokens_per_minute", "unpriced", "storage",
                ])
            let lifted = try await server.send(.put, "\(ann.base)/limits", #"{"unlimited":["requests_per_day"]}"#, token: ann.token)
            #expect(lifted.details.first?["field"] as? String == "unlimited", "only a superuser lifts a default")
            let wrong = try await server.send(
                .put, "/api/admin/users/\(ann.id)/limits", #"{"cost_per_day":1,"unlimited":["cost_per_day","fun"]}"#, token: root.token)
            #expect(wrong.details.compactMap { $0["field"] as? String } == ["unlimited[0]", "unlimited[1]"])
            #expect(try await server.send(.put, "/api/admin/users/usr_nobody/limits", #"{"cost_per_day":1}"#, token: root.token).status == 404)
        }
    }

    @Test func repliesCarryWhatIsLeftOfTheRates() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let token = try #require(try await server.send(.post, "\(ann.base)/minions/\(minion)/token", token: ann.token).json["token"] as? String)
            let bare = try await server.send(.get, "/v1/models", token: token)
            #expect(bare.headers[.init("x-ratelimit-limit-requests")!] == nil, "nothing is said of what has no limit")
            _ = try await server.send(.put, "\(ann.base)/limits", #"{"requests_per_minute":2,"tokens_per_minute":3}"#, token: ann.token)
            let models = try await server.send(.get, "/v1/models", token: token)
            #expect(models.headers[.init("x-ratelimit-limit-requests")!] == "2" && models.headers[.init("x-ratelimit-remaining-tokens")!] == "3")
            let held = try await server.app.meter.admit(user: ann.id, minion: minion, tokens: 3, cost: 0)
            let refused = try await server.send(
                .post, "/v1/chat/completions", #"{"model":"Wick","messages":[{"role":"user","content":"Hello there"}],"stream":true}"#, token: token)
            #expect(refused.status == 429 && refused.code == "rate_limit_exceeded", "in the status line, also of a stream")
            #expect(refused.headers[.retryAfter] != nil && refused.headers[.init("x-ratelimit-remaining-requests")!] == "1")
            server.app.meter.settle(held, [])
        }
    }
}
