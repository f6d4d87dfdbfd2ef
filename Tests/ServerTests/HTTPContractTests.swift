import Foundation
import HTTPTypes
import Hummingbird
import Server
import Testing

@testable import Store

/// What every route keeps to: sizes, lengths, names.
@Suite struct HTTPContractTests {
    private static func bytes(_ limit: String) throws -> Int {
        let words = limit.split(separator: " ")
        return try #require(Int(words[0])) << (words[1] == "MiB" ? 20 : 10)
    }

    /// A router's path with real ids in it.
    private static func filled(_ path: String, _ ids: [String: String]) -> String {
        ids.reduce(path) { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) }
    }

    @Test func aParameterThatAPathDoesNotTakeIsRefusedByName() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let ids = try await server.furnish(ann)
            // No operation takes this one.
            let document = try await server.send(.get, "/openapi.json").json
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            var walked = 0
            for path in paths.keys.sorted() where path.hasPrefix("/api/users/") && paths[path]?["get"] != nil {
                let reply = try await server.send(.get, "\(Self.filled(path, ids))?limt=5", token: ann.token)
                #expect(reply.status == 422 && reply.details.first?["field"] as? String == "limt", "\(path): \(reply.status) \(reply.text)")
                #expect(reply.details.first?["code"] as? String == "unknown_field")
                walked += 1
            }
            #expect(walked > 20)
            let minions = try await server.send(.get, "\(ann.base)/minions?limt=5", token: ann.token)
            #expect(minions.details.first?["hint"] as? String == "known: cursor, limit")
            let both = try await server.send(.get, "\(ann.base)/minions?zz&limit=5&Limit=3", token: ann.token)
            #expect(both.details.compactMap { $0["field"] as? String } == ["Limit", "zz"])
            for known in ["limit=5", "limit=5&cursor=", "", "limit=5&limit=6", "&limit=5", "limit=5&&cursor=", "%6Cimit=5"] {
                #expect(try await server.send(.get, "\(ann.base)/minions?\(known)", token: ann.token).code != "unknown_field", "\(known)")
                #expect(try await server.send(.get, "\(ann.base)/minions?\(known)", token: ann.token).status < 500)
            }
            // Pages of the web app have queries of their own, and vendors' clients theirs.
            #expect(try await server.send(.get, "/?new=1").status != 422)
            #expect(try await server.send(.get, "/v1/models?beta=true", token: ann.token).status != 422)
        }
    }

    @Test func everyRouteWithABodyNamesItsLimitAndKeepsToIt() async throws {
        try await TestServer.run { server in
            let root = try await server.person("root", role: .superuser)
            let ids = try await server.furnish(root)
            let token = try #require(
                try await server.send(.post, "\(root.base)/minions/\(ids["minion_id"]!)/token", token: root.token).json["token"] as? String)
            let shared = try await server.send(
                .post, "/api/admin/provider-definitions", #"{"id":"shared","name":"Shared","base_url":"https://93.184.216.34/v1"}"#, token: root.token
            )
            let adminIDs = ids.merging(["definition_id": try #require(shared.json["id"] as? String)]) { $1 }
            let document = try await server.send(.get, "/openapi.json").json
            let paths = try #require(document["paths"] as? [String: [String: Any]])
            var walked = 0
            for (path, operations) in paths {
                for (method, operation) in operations {
                    guard let operation = operation as? [String: Any], let body = operation["requestBody"] as? [String: Any] else { continue }
                    // A body that more than one route takes is described once; all of those are JSON.
                    guard let content = body["content"] as? [String: Any] ?? (body["$ref"] == nil ? nil : ["application/json": ""]),
                        content["application/json"] != nil
                    else { continue }
                    let limit = try #require(operation["x-body-limit"] as? String, "\(method) \(path) names no limit")
                    // Announced, and never sent.
                    let reply = try await server.send(
                        #require(.init(method.uppercased())), Self.filled(path, path.hasPrefix("/api/admin") ? adminIDs : ids),
                        token: path.hasPrefix("/v1") ? token : root.token, headers: [.contentLength: "\(try Self.bytes(limit) + 1)"])
                    #expect(reply.status == 413 && reply.text.contains("larger than \(limit)"), "\(method) \(path): \(reply.status) \(reply.text)")
                    walked += 1
                }
            }
            #expect(walked > 30)
        }
    }

    @Test func aFileOverTheLimitIsRefusedWhereItIsAnnounced() async throws {
        try await TestServer.run { settings in
            settings.maxUploadMegabytes = 1
        } _: { server in
            let ann = try await server.person("ann")
            let ids = try await server.furnish(ann)
            let minion = ids["minion_id"]!
            for (method, path) in [
                (HTTPRequest.Method.post, "training-datasets?dataset_type=jsonl&dataset_name=n"),
                (.put, "training-datasets/\(ids["dataset_id"]!)/content"), (.post, "adapters?minion_id=\(minion)"),
                (.post, "minions/\(minion)/releases/import"),
            ] {
                let reply = try await server.send(method, "\(ann.base)/\(path)", token: ann.token, headers: [.contentLength: "\((1 << 20) + 1)"])
                #expect(reply.status == 413 && reply.code == "upload_too_large" && reply.text.contains("1 MiB"), "\(path): \(reply.text)")
            }
        }
    }

    @Test func everyRouteTellsOtherMethodsWhichItHas() async throws {
        try await TestServer.run { server in
            let routes = try server.app.router().routes
            var methods: [String: Set<String>] = [:]
            for route in routes { methods["\(route.path)", default: []].insert(route.method.rawValue) }
            #expect(Set(methods.values.joined()) == ["DELETE", "GET", "POST", "PUT"], "those that a reply to an unknown method names")
            for (template, allowed) in methods {
                let path = template.replacingOccurrences(of: "**", with: "x/y").replacing(/\{\w+\}/, with: "x")
                for method in ["GET", "PUT", "PATCH", "PROPFIND"] where !allowed.contains(method) {
                    let reply = try await server.send(#require(.init(method)), path)
                    #expect(
                        reply.status == 405 && reply.headers[.allow] == allowed.sorted().joined(separator: ", "), "\(method) \(path): \(reply.status)"
                    )
                }
            }
            #expect(try await server.send(.delete, "/nowhere").status == 404)
        }
    }

    // MARK: names

    /// Marks upon one letter: a megabyte that a reader counts as one character.
    private static let piled = "e" + String(repeating: "\u{301}", count: 500_000)
    private static let hidden = [
        "Wick\u{202E}nimda", "Wi\u{200B}ck", "Wick\u{2066}", "Wi\u{FEFF}ck", "Wi\u{7}ck", "Wick\u{200F}!", "Wi\u{AD}ck", "line\nline", "\u{3164}",
        "\u{200D}\u{200C}", "Wick\u{E0041}", "a\u{2028}b",
    ]
    private static let plain = ["می‌خواهم", "👩‍🚀 Wick", "❤️", "Ελένη", "न्याय", "e\u{301}tude", "Wick · 2"]

    @Test func everyNameIsCountedInCodePointsAndHasNothingHidden() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let ids = try await server.furnish(ann)
            func body(_ fields: [String: Any]) throws -> String {
                String(decoding: try JSONSerialization.data(withJSONObject: fields), as: UTF8.self)
            }
            let places: [(HTTPRequest.Method, String, String, [String: Any])] = [
                (.put, "\(ann.base)/minions/\(ids["minion_id"]!)", "name", [:]),
                (.put, "\(ann.base)/minions/\(ids["minion_id"]!)", "display_name", [:]),
                (.put, "\(ann.base)/minions/\(ids["minion_id"]!)", "model_id", [:]),
                (.put, "\(ann.base)/training-datasets/\(ids["dataset_id"]!)", "dataset_name", [:]),
                (.put, "\(ann.base)/providers/\(ids["key_id"]!)", "label", [:]),
                (.post, "/api/auth/register", "name", ["email": "bob@example.org", "password": "long enough"]),
                (.put, "\(ann.base)/provider-definitions/\(ids["definition_id"]!)", "name", ["id": "acme", "base_url": "https://93.184.216.34/v1"]),
                (.post, "\(ann.base)/external-training/jobs", "job_name", ["minion_id": ids["minion_id"]!, "training_type": "lora_only"]),
            ]
            for (method, path, field, rest) in places {
                for name in Self.hidden + [Self.piled] {
                    let reply = try await server.send(method, path, try body(rest.merging([field: name]) { $1 }), token: ann.token)
                    // A megabyte of marks does not fit where a body may have less.
                    let isRefused =
                        reply.status == 413 || (reply.status == 422 && reply.details.contains { ($0["field"] as? String) == field })
                    #expect(isRefused && (reply.status == 422 || name == Self.piled), "\(path) \(field): \(reply.status) \(reply.text.prefix(300))")
                }
            }
            for name in Self.plain {
                let reply = try await server.send(
                    .put, "\(ann.base)/minions/\(ids["minion_id"]!)", try body(["name": name, "display_name": name]), token: ann.token)
                #expect(reply.status == 200 && reply.json["name"] as? String == name, "\(name): \(reply.text)")
            }
        }
    }

    @Test func namesInAQueryAreNamesToo() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            func upload(_ query: [String: String]) async throws -> TestServer.Reply {
                var url = URLComponents()
                url.queryItems =
                    ([("dataset_type", "jsonl"), ("dataset_name", "good")].filter { query[$0.0] == nil } + query.map { ($0.key, $0.value) })
                    .map { URLQueryItem(name: $0.0, value: $0.1) }
                return try await server.send(
                    .post, "\(ann.base)/training-datasets?\(try #require(url.percentEncodedQuery))", TestServer.chat, token: ann.token)
            }
            for field in ["dataset_name", "file_name", "tags"] {
                for name in Self.hidden + ["e" + String(repeating: "\u{301}", count: 300)] {
                    let reply = try await upload([field: name])
                    #expect(
                        reply.status == 422 && reply.details.contains { ($0["field"] as? String) == field }, "\(field): \(reply.text.prefix(300))")
                }
            }
            #expect(try await upload(["dataset_name": "Ελένη’s 👩‍🚀"]).status == 201)
        }
    }

    @Test func anAddressHasNothingHiddenEither() {
        for address in ["a\u{202E}@example.org", "a@exam\u{200B}ple.org", "\u{7}@example.org"] { #expect(!User.isAddress(address)) }
        #expect(User.isAddress("élan@example.org"))
    }

    @Test func textIsCountedInCodePointsEverywhere() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let ids = try await server.furnish(ann)
            let accents = "e" + String(repeating: "\u{301}", count: 100_000)
            let ask = try await server.send(
                .post, "\(ann.base)/minions/\(ids["minion_id"]!)/ask", #"{"question":"\#(accents)"}"#, token: ann.token)
            #expect(ask.status == 422 && ask.details.first?["field"] as? String == "question", "\(ask.text.prefix(300))")
            let token = try #require(
                try await server.send(.post, "\(ann.base)/minions/\(ids["minion_id"]!)/token", token: ann.token).json["token"] as? String)
            let chat = try await server.send(
                .post, "/v1/chat/completions", #"{"model":"\#(accents)","messages":[{"role":"user","content":"a"}]}"#, token: token)
            #expect(chat.status == 400 && chat.text.contains("'model'"), "\(chat.text.prefix(300))")
            let key = try await server.send(
                .post, "\(ann.base)/minions", TestServer.minion, token: ann.token, headers: [.init("Idempotency-Key")!: String(accents.prefix(1))])
            #expect(key.status == 400)
        }
    }

    // MARK: the same key

    @Test func aKeyIsForOneContent() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            func upload(_ text: String) async throws -> TestServer.Reply {
                try await server.send(
                    .post, "\(ann.base)/training-datasets?dataset_type=jsonl&dataset_name=n", text, token: ann.token,
                    headers: [.init("Idempotency-Key")!: "k"])
            }
            let other = TestServer.chat.replacingOccurrences(of: #""b""#, with: #""c""#)
            #expect(other.count == TestServer.chat.count && other != TestServer.chat)
            let first = try await upload(TestServer.chat)
            #expect(first.status == 201, "\(first.text)")
            let reused = try await upload(other)
            #expect(reused.status == 422 && reused.code == "idempotency_key_reused")
            let again = try await upload(TestServer.chat)
            #expect(again.status == 201 && again.text == first.text && again.headers[.init("Idempotent-Replayed")!] == "true")
        }
    }

    @Test func anAnswerOfAnEarlierVersionIsStillGivenForItsKey() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let path = "\(ann.base)/training-datasets?dataset_type=jsonl&dataset_name=n"
            let headers: HTTPFields = [.init("Idempotency-Key")!: "k"]
            let first = try await server.send(.post, path, TestServer.chat, token: ann.token, headers: headers)
            // Noted without the content, as it was once.
            try await server.app.store.database.write { connection in
                try connection.query("UPDATE idempotency_keys SET request_hash = substr(request_hash, 1, 64)")
            }
            let again = try await server.send(.post, path, TestServer.chat, token: ann.token, headers: headers)
            #expect(again.status == 201 && again.text == first.text)
        }
    }
}
