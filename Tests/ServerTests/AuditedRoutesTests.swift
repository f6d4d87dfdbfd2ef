import Foundation
import HTTPTypes
import Server
import Testing

@testable import Store

/// Every route that changes something is asked to do so once, and must leave its entry in the audit log. A route without
/// a step here fails the test.
@Suite struct AuditedRoutesTests {
    /// Routes that change nothing that lasts, and two that the unit tests of the store answer for.
    private static let exempt: [String: String] = [
        "POST /v1/chat/completions": "a question", "POST /v1/messages": "a question", "POST /v1/embeddings": "a question",
        "POST /api/users/{user_id}/minions/{minion_id}/ask": "a question", "POST /api/users/{user_id}/collections/{collection_id}/search": "reads",
        "POST /api/users/{user_id}/external-training/jobs/estimate": "makes nothing",
        "POST /api/users/{user_id}/minions/{minion_id}/releases/import": "takes an archive: AuditTests",
        "POST /api/users/{user_id}/adapters": "takes an adapter: AuditTests",
    ]

    @Test func everyRouteThatChangesSomethingLeavesAnEntry() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            var ids = ["user_id": ann.id]
            var walked: Set<String> = []
            var tokens = ["ann": ann.token, "root": root.token]

            func entries(_ action: String) async throws -> [AuditEntry] {
                var filter = AuditFilter()
                filter.action = action
                return try await server.app.store.audit.entries(.all, filter).items
            }
            func take(
                _ route: String, _ action: String, _ body: String? = nil, query: String = "", as who: String = "ann", naming name: String? = nil
            ) async throws {
                let parts = route.split(separator: " ", maxSplits: 1)
                let path = ids.reduce(String(parts[1])) { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) }
                let text = body.map { ids.reduce($0) { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) } }
                let before = try await entries(action).count
                let reply = try await server.send(#require(HTTPRequest.Method(rawValue: String(parts[0]))), path + query, text, token: tokens[who])
                #expect((200..<300).contains(reply.status), "\(route): \(reply.status) \(reply.text)")
                let after = try await entries(action)
                #expect(after.count == before + 1, "\(route) left no entry \(action)")
                #expect(after.first?.actorID != nil, "\(route) says not who")
                walked.insert(route)
                if let token = reply.json["token"] as? String, token.hasPrefix("session_") { tokens[action] = token }
                let key = (reply.json["key"] as? [String: Any])?["id"]
                if let name { ids[name] = try #require((key ?? reply.json["id"]) as? String, "\(reply.text)") }
            }
            let mine = "/api/users/{user_id}"

            try await take("POST /api/auth/register", "user.register", #"{"email":"new@example.org","password":"long enough"}"#, as: "nobody")
            try await take("POST /api/auth/login", "user.login", #"{"email":"new@example.org","password":"long enough"}"#, as: "nobody")
            try await take(
                "PUT /api/me/password", "user.password", #"{"current_password":"long enough","new_password":"another one"}"#, as: "user.login")
            ids["code"] = server.app.links.make(user: ann.id)
            try await take("POST /api/auth/link", "user.login", #"{"code":"{code}"}"#, as: "nobody")
            try await take("POST /api/auth/logout", "user.logout", as: "user.login")
            ids["session_id"] = try #require(
                (try await server.send(.get, "/api/me/sessions", token: tokens["ann"]).json["items"] as? [[String: Any]])?.first?["id"] as? String)

            try await take("PUT /api/admin/users/{user_id}", "user.open", #"{"is_active":true}"#, as: "root")
            try await take("PUT /api/admin/limits", "limits.set", #"{"requests_per_day":1000}"#, as: "root")
            try await take("PUT /api/admin/users/{user_id}/limits", "limits.set", #"{"requests_per_day":1000}"#, as: "root")
            let acme = #"{"id":"acme","name":"Acme","base_url":"https://93.184.216.34/v1"}"#
            for (base, who) in [("/api/admin", "root"), (mine, "ann")] {
                try await take("POST \(base)/provider-definitions", "provider_definition.create", acme, as: who, naming: "definition_id")
                try await take("PUT \(base)/provider-definitions/{definition_id}", "provider_definition.update", acme, as: who)
                try await take("DELETE \(base)/provider-definitions/{definition_id}", "provider_definition.delete", as: who)
            }

            try await take("POST \(mine)/minions", "minion.create", TestServer.minion, naming: "minion_id")
            try await take("PUT \(mine)/minions/{minion_id}", "minion.update", #"{"system_prompt":"Be brief."}"#)
            try await take("POST \(mine)/minions/{minion_id}/token", "minion.token")
            try await take("PUT \(mine)/limits", "limits.set", #"{"requests_per_day":1000}"#)
            try await take("PUT \(mine)/limits/minions/{minion_id}", "limits.set", #"{"requests_per_day":1000}"#)

            let key = #"{"provider":"custom","api_key":"sk-abcdefgh1234","base_url":"http://127.0.0.1:9/v1","test":false}"#
            try await take("POST \(mine)/providers", "provider_key.create", key, naming: "key_id")
            ids["provider"] = ids["key_id"]
            try await take("PUT \(mine)/providers/{provider}", "provider_key.update", #"{"label":"second"}"#)
            try await take("POST \(mine)/providers/{provider}/test", "provider_key.test", query: "?model=m")
            try await take("PUT \(mine)/limits/keys/{key_id}", "limits.set", #"{"requests_per_day":1000}"#)
            try await take("DELETE \(mine)/providers/{provider}", "provider_key.delete")

            try await take("POST \(mine)/webhooks", "webhook.create", #"{"url":"https://93.184.216.34/hook"}"#, naming: "webhook_id")
            try await take("PUT \(mine)/webhooks/{webhook_id}", "webhook.update", #"{"url":"https://93.184.216.34/other"}"#)
            try await take("POST \(mine)/webhooks/{webhook_id}/secret", "webhook.secret")
            try await take("POST \(mine)/webhooks/{webhook_id}/test", "webhook.test", naming: "delivery_id")
            try await server.app.store.database.write { try $0.query("UPDATE webhook_deliveries SET state = 'failed'") }
            try await take("POST \(mine)/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver", "webhook.redeliver")
            try await take("DELETE \(mine)/webhooks/{webhook_id}", "webhook.delete")

            try await take(
                "POST \(mine)/training-datasets", "dataset.create", TestServer.chat, query: "?dataset_name=v&dataset_type=jsonl", naming: "dataset_id"
            )
            try await take("PUT \(mine)/training-datasets/{dataset_id}", "dataset.update", #"{"description":"mine"}"#)
            try await take(
                "PUT \(mine)/training-datasets/{dataset_id}/content", "dataset.content",
                TestServer.chat.replacingOccurrences(of: "\"b\"", with: "\"c\""), query: "?mode=replace")
            try await take("GET \(mine)/training-datasets/{dataset_id}/export", "dataset.export")

            let job = #"{"minion_id":"{minion_id}","training_type":"lora_only","dataset_ids":["{dataset_id}"]}"#
            let jobs = "\(mine)/external-training/jobs"
            try await take("POST \(jobs)", "job.create", job, naming: "job_id")
            try await take("PUT \(jobs)/{job_id}", "job.update", #"{"job_name":"renamed"}"#)
            try await take("POST \(jobs)/{job_id}/start", "job.start")
            try await take("POST \(jobs)/{job_id}/stop", "job.stop")
            try await take("POST \(jobs)/{job_id}/restart", "job.restart")
            try await take("POST \(jobs)/{job_id}/stop", "job.stop")
            try await take("DELETE \(jobs)/{job_id}", "job.delete")

            let releases = try await release(server, ann.id, try #require(ids["minion_id"]), try #require(ids["dataset_id"]))
            let minion = "\(mine)/minions/{minion_id}"
            ids["release_id"] = releases[0]
            try await take("POST \(minion)/releases/{release_id}/promote", "release.promote")
            ids["release_id"] = releases[1]
            try await take("POST \(minion)/releases/{release_id}/canary", "release.canary", #"{"percent":10}"#)
            try await take("DELETE \(minion)/canary", "release.canary_end")
            try await take("POST \(minion)/rollback", "release.rollback")
            ids["collection_id"] = "col_x"
            try await take("DELETE \(mine)/collections/{collection_id}", "collection.delete")
            try await take("DELETE \(minion)", "minion.delete")
            try await take("DELETE \(mine)/training-datasets/{dataset_id}", "dataset.delete")
            try await take("DELETE /api/me/sessions/{session_id}", "session.end")
            tokens["ann"] = try await server.session(of: ann.id)
            try await take("DELETE /api/me/sessions", "session.end_all")

            let changing = try server.app.router().routes.filter { ![.get, .head, .options].contains($0.method) }.map { "\($0.method) \($0.path)" }
            for route in changing where Self.exempt[route] == nil {
                #expect(walked.contains(route), "\(route) is in no step of this test: say which entry it leaves")
            }
            #expect(Set(Self.exempt.keys).isSubset(of: changing), "an exception of a route that is gone")
        }
    }

    /// Three releases: what a trial and a return need.
    private func release(_ server: TestServer, _ user: String, _ minion: String, _ dataset: String) async throws -> [String] {
        let rows = server.app.store.user(user)
        var made: [String] = []
        for number in 0..<3 {
            let job = try await rows.createJob(.init(jobName: "j\(number)", minionID: minion, trainingType: .loraOnly, datasetIDs: [dataset]))
            _ = try await rows.startJob(job.id)
            let claimed = try #require(try await server.app.store.queue.claim(worker: "w", lease: .seconds(60)))
            let collection = ReleaseDraft.NewCollection(
                id: "col_x", name: "c", embedder: "e", dimension: 1, version: 1, documentCount: 1, chunkCount: 1, bytes: 1)
            _ = try await server.app.store.queue.complete(
                claimed, worker: "w",
                release: .init(
                    adapter: .init(id: "ada_\(number)", baseModel: "b", path: "users/x/adapters/ada_\(number)", sha256: "s", rank: 1, bytes: 1),
                    collection: number == 0 ? collection : nil, evaluation: .init()))
            made.append(try #require(try await rows.releases(minionID: minion).items.first).id)
        }
        return made
    }

    @Test func aSuperusersReadingLeavesAnEntryAndOnesOwnNone() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            for _ in 0..<3 {
                #expect(try await server.send(.get, "\(ann.base)/minions?cursor=c2VjcmV0", token: root.token).status == 200)
            }
            #expect(try await server.send(.get, "/api/admin/users", token: root.token).status == 200)
            #expect(try await server.send(.get, "\(ann.base)/answers/ans_0", token: root.token).status == 404)
            #expect(try await server.send(.post, "\(ann.base)/minions/\(minion)/ask", "{}", token: root.token).status == 422)
            for path in ["\(ann.base)/minions", "\(ann.base)/usage"] { #expect(try await server.send(.get, path, token: ann.token).status == 200) }
            #expect(try await server.send(.get, "\(root.base)/minions", token: root.token).status == 200)
            let reply = try await server.send(.get, "/api/admin/audit-log?action=admin&actor=\(root.id)", token: root.token)
            let items = try #require(reply.json["items"] as? [[String: Any]])
            func times(_ path: String, of user: String?) -> Int {
                items.filter { ($0["detail"] as? [String: String])?["path"] == path && $0["user_id"] as? String == user }
                    .reduce(0) { $0 + ($1["times"] as? Int ?? 0) }
            }
            #expect(times("\(ann.base)/minions", of: ann.id) == 3)
            #expect(times("\(ann.base)/minions/\(minion)/ask", of: ann.id) == 1 && times("\(ann.base)/answers/ans_0", of: ann.id) == 1)
            #expect(times("/api/admin/users", of: nil) == 1 && times("\(root.base)/minions", of: root.id) == 0)
            #expect(!reply.text.contains("c2VjcmV0"))
            #expect(
                (try await server.send(.get, "/api/admin/audit-log?actor=\(ann.id)&action=admin", token: root.token).json["items"] as? [Any])?.isEmpty
                    == true)
        }
    }

    @Test(arguments: [("action=nonsense", "action"), ("from=yesterday", "from"), ("to=2026-13-01", "to"), ("action=minion.nonsense", "action")])
    func aFilterThatIsNoneIsNamed(query: String, field: String) async throws {
        try await TestServer.run { server in
            let root = try await server.person("root", role: .superuser)
            let reply = try await server.send(.get, "/api/admin/audit-log?\(query)", token: root.token)
            #expect(reply.status == 422 && reply.details.first?["field"] as? String == field, "\(reply.text)")
        }
    }
}
