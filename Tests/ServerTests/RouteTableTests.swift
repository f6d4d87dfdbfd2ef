import Foundation
import HTTPTypes
import Server
import Store
import Testing

@Suite struct RouteTableTests {
    @Test func theDescriptionAndTheRoutesAreTheSame() async throws {
        try await TestServer.run { server in
            let routes = Set(try server.app.router().routes.map { "\($0.method) \($0.path)".replacingOccurrences(of: "**", with: "{path}") })
            let document = try await server.send(.get, "/openapi.json").json
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            let described = Set(
                paths.flatMap { path, operations in
                    operations.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
                })
            #expect(routes.subtracting(described).sorted() == [], "routes that openapi.yaml lacks")
            #expect(described.subtracting(routes).sorted() == [], "routes that only openapi.yaml has")
        }
    }

    /// Routes that have nothing of one user's in them, with the reason.
    private static let exempt: [String: String] = [
        "GET /": "public", "GET /health": "public", "GET /ready": "public", "GET /metrics": "public, without users", "GET /openapi.json": "public",
        "POST /api/auth/register": "public", "POST /api/auth/login": "public", "POST /api/auth/link": "public, with a code of its own",
        "GET /web/**": "the page's files, public", "POST /api/auth/logout": "ends the caller's own session",
        "GET /api/me": "the caller's own", "PUT /api/me/password": "the caller's own", "GET /api/me/sessions": "the caller's own",
        "DELETE /api/me/sessions": "the caller's own", "DELETE /api/me/sessions/{session_id}": "the caller's own: AccountTests",
        "GET /api/models": "the machine's base models", "GET /v1/models": "the token's own minion",
        "GET /v1/models/{model}": "the token's own minion",
        "POST /v1/chat/completions": "the token's own minion", "POST /v1/embeddings": "the token's own minion",
        "POST /v1/messages": "the token's own minion",
    ]
    /// Routes for superusers: 404 for everybody else.
    private static let admin: Set<String> = [
        "GET /api/admin/jobs", "GET /api/admin/workers", "GET /api/admin/users", "PUT /api/admin/users/{user_id}", "GET /api/admin/audit-log",
        "GET /api/admin/usage", "GET /api/admin/provider-definitions", "POST /api/admin/provider-definitions",
        "GET /api/admin/provider-definitions/{definition_id}", "PUT /api/admin/provider-definitions/{definition_id}",
        "DELETE /api/admin/provider-definitions/{definition_id}",
        "GET /api/admin/limits", "PUT /api/admin/limits", "GET /api/admin/users/{user_id}/limits", "PUT /api/admin/users/{user_id}/limits",
    ]

    /// Trap 14: an id that is known is not enough. Every route is tried by a second user with the first
    /// one's ids; a route without an entry here fails the test.
    @Test func aSecondUserGets404ForEverythingOfTheFirst() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let bob = try await server.person("bob")
            let ids = try await server.furnish(ann)
            let (minion, dataset, job) = (ids["minion_id"]!, ids["dataset_id"]!, ids["job_id"]!)
            let (release, hook, key, definition) = (ids["release_id"]!, ids["webhook_id"]!, ids["key_id"]!, ids["definition_id"]!)
            // The ids are real: their owner finds them.
            for path in [
                "minions/\(minion)", "training-datasets/\(dataset)", "external-training/jobs/\(job)", "collections/col_x", "adapters/ada_x",
                "answers/ans_x",
                "provider-definitions/\(definition)", "minions/\(minion)/releases/\(release)", "webhooks/\(hook)", "webhooks/\(hook)/deliveries",
                "limits/minions/\(minion)", "limits/keys/\(key)",
            ] {
                #expect(try await server.send(.get, "\(ann.base)/\(path)", token: ann.token).status == 200, "\(path)")
            }
            var walked = 0
            for route in try server.app.router().routes {
                let name = "\(route.method) \(route.path)"
                if Self.exempt[name] != nil { continue }
                guard Self.admin.contains(name) || "\(route.path)".hasPrefix("/api/users/{user_id}/") else {
                    Issue.record("\(name) has no entry in this test: say whose it is")
                    continue
                }
                walked += 1
                let path = ids.reduce("\(route.path)") { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) }
                #expect(!path.contains("{"), "\(name) has a parameter this test has no value for")
                let foreign = try await server.send(route.method, path, #"{"question":"q","query":"q"}"#, token: bob.token)
                #expect(foreign.status == 404, "\(name) answered \(foreign.status)")
                #expect(!foreign.text.contains(minion) && !foreign.text.contains("Wick"), "\(name) tells something")
                let nobody = try await server.send(route.method, path, #"{"question":"q"}"#)
                #expect(nobody.status == 401, "\(name) without a token answered \(nobody.status)")
                // The same ids below the second user's own name.
                guard !Self.admin.contains(name), "\(route.path)".contains("_id}/"), path.contains(ann.id),
                    "\(route.path)".split(separator: "{").count > 2
                else { continue }
                let own = try await server.send(
                    route.method, path.replacingOccurrences(of: ann.id, with: bob.id), #"{"question":"q","query":"q"}"#, token: bob.token)
                #expect(own.status == 404, "\(name) below the caller's own name answered \(own.status)")
            }
            #expect(walked > 30)
            #expect(try await server.send(.get, "\(ann.base)/minions/\(minion)", token: ann.token).status == 200, "nothing was changed")
            #expect(try await server.send(.get, "\(bob.base)/minions", token: bob.token).json["items"] as? [String] == [])
        }
    }

    @Test func aSuperuserSeesEverybodysAndAMinionTokenOnlyAsks() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            #expect(try await server.send(.get, "\(ann.base)/minions/\(minion)", token: root.token).status == 200)
            #expect(try await server.send(.get, "/api/admin/users", token: root.token).status == 200)
            let token = try #require(
                try await server.send(.post, "\(ann.base)/minions/\(minion)/token", token: ann.token).json["token"] as? String)
            for path in ["/api/me", "\(ann.base)/minions", "\(ann.base)/minions/\(minion)", "\(ann.base)/providers", "\(ann.base)/usage"] {
                #expect(try await server.send(.get, path, token: token).status == 401, "\(path)")
            }
            #expect(try await server.send(.get, "/v1/models", token: token).status == 200)
            let refused = try await server.send(.get, "/v1/models", token: "minion_wrong")
            #expect(refused.status == 401 && refused.code == "invalid_api_key")
        }
    }
}
