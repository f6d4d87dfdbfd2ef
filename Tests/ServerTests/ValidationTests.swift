import Foundation
import HTTPTypes
import Server
import Testing

import struct Providers.Secret

@Suite struct ValidationTests {
    @Test(
        arguments: [
            ("", "invalid_json", nil), ("nonsense", "invalid_json", nil), ("[]", "invalid_json", nil),
            ("{}", "invalid_request", "name"),
            (#"{"name":5,"provider":"local","model_id":"m"}"#, "invalid_request", "name"),
            (#"{"name":"n","provider":"nope","model_id":"m"}"#, "invalid_request", "provider"),
            (#"{"name":"n","provider":"local","model_id":"m","colour":"red"}"#, "invalid_request", "colour"),
            (#"{"name":"n","provider":"local","model_id":"m","sampling":{"temperature":9}}"#, "invalid_request", "sampling.temperature"),
            (#"{"name":"n","provider":"local","model_id":"m","pipeline":{"top_k":true}}"#, "invalid_request", "pipeline.top_k"),
            (
                #"{"name":"n","provider":"local","model_id":"m","fallbacks":[{"provider":"x","model":"m"}]}"#, "invalid_request",
                "fallbacks[0].provider"
            ),
            (#"{"name":"n","provider":"custom","model_id":"m","base_url":"http://169.254.169.254/latest"}"#, "invalid_request", "base_url"),
            (#"{"name":"n","provider":"custom","model_id":"m","base_url":"file:///etc/passwd"}"#, "invalid_request", "base_url"),
            // The local provider's transport is not held to the address policy, so nobody may point it anywhere.
            (#"{"name":"n","provider":"local","model_id":"m","base_url":"https://example.org"}"#, "invalid_request", "base_url"),
            (#"{"name":"a\u0000b","provider":"local","model_id":"m"}"#, "invalid_request", "name"),
        ] as [(String, String, String?)])
    func aWrongMinionIsRefusedByField(body: String, code: String, field: String?) async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let reply = try await server.send(.post, "\(ann.base)/minions", body, token: ann.token)
            #expect((400..<500).contains(reply.status) && reply.code == code)
            if let field { #expect(reply.details.contains { $0["field"] as? String == field }, "\(reply.text)") }
            #expect((try await server.send(.get, "\(ann.base)/minions", token: ann.token).json["items"] as? [Any])?.isEmpty == true)
        }
    }

    @Test(
        arguments: [
            (#"{"lr_schedule":"step"}"#, "config.lr_schedule"), (#"{"lr_schedule":"constant","warmup":3}"#, "config.warmup"),
            (#"{"target_modules":[]}"#, "config.target_modules"), (#"{"target_modules":"../x y"}"#, "config.target_modules"),
            (#"{"target_modules":7}"#, "config.target_modules"), (#"{"batch_tokens":1}"#, "config.batch_tokens"),
            (#"{"load_in_4bit":true,"device":"cpu"}"#, "config.load_in_4bit"), (#"{"device":"tpu"}"#, "config.device"),
            (#"{"processes":0}"#, "config.processes"), (#"{"patience":0}"#, "config.patience"), (#"{"weight_decay":2}"#, "config.weight_decay"),
            (#"{"base_model":"nowhere"}"#, "config.base_model"), (#"{"base_model":"../../etc"}"#, "config.base_model"),
            (#"{"max_steps":0}"#, "config.max_steps"), (#"{"gradient_accumulation":0}"#, "config.gradient_accumulation"),
            (#"{"evaluate_every":0}"#, "config.evaluate_every"), (#"{"max_grad_norm":-1}"#, "config.max_grad_norm"),
            (#"{"use_dora":1}"#, "config.use_dora"), (#"{"learning":1}"#, "config.learning"),
        ])
    func aWrongTrainingOptionIsRefusedByField(config: String, field: String) async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let dataset = try #require(
                try await server.send(
                    .post, "\(ann.base)/training-datasets?dataset_name=v&dataset_type=jsonl", TestServer.chat, token: ann.token
                ).json["id"] as? String)
            let body = #"{"minion_id":"\#(minion)","training_type":"lora_only","dataset_ids":["\#(dataset)"],"config":\#(config)}"#
            for path in ["jobs", "jobs/estimate"] {
                let reply = try await server.send(.post, "\(ann.base)/external-training/\(path)", body, token: ann.token)
                #expect(reply.status == 422 && reply.details.first?["field"] as? String == field, "\(reply.text)")
            }
        }
    }

    /// What can be nothing is taken away with `null`; what is not named stays.
    @Test func anUpdateOfAJobKeepsItsOptions() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let dataset = try #require(
                try await server.send(
                    .post, "\(ann.base)/training-datasets?dataset_name=v&dataset_type=jsonl", TestServer.chat, token: ann.token
                ).json["id"] as? String)
            let made = try await server.send(
                .post, "\(ann.base)/external-training/jobs",
                #"{"minion_id":"\#(minion)","training_type":"lora_only","dataset_ids":["\#(dataset)"],"config":{"max_steps":5,"warmup":0.1,"patience":2,"target_modules":["q_proj"]}}"#,
                token: ann.token)
            let id = try #require(made.json["id"] as? String)
            let changed = try await server.send(
                .put, "\(ann.base)/external-training/jobs/\(id)",
                #"{"config":{"max_steps":null,"warmup":null,"target_modules":"all-linear","rank":3}}"#,
                token: ann.token)
            let config = try #require(changed.json["config"] as? [String: Any])
            #expect(changed.status == 200 && config["max_steps"] == nil && config["warmup"] == nil && config["patience"] as? Int == 2)
            #expect(config["target_modules"] as? String == "all-linear" && config["rank"] as? Int == 3)
        }
    }

    @Test func anUpdateKeepsWhatItDoesNotName() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let body = #"{"name":"n","display_name":"d","provider":"local","model_id":"m","system_prompt":"p","sampling":{"seed":3}}"#
            let id = try #require(try await server.send(.post, "\(ann.base)/minions", body, token: ann.token).json["id"] as? String)
            let reply = try await server.send(.put, "\(ann.base)/minions/\(id)", #"{"provider":"openai","model_id":"gpt"}"#, token: ann.token)
            #expect(reply.status == 200 && reply.json["system_prompt"] as? String == "p" && reply.json["provider"] as? String == "openai")
            #expect((reply.json["sampling"] as? [String: Any])?["seed"] as? Int == 3)
        }
    }

    @Test func aPrivateUpstreamIsRefusedUnlessTheServerIsPrivateItself() async throws {
        let body = #"{"provider":"custom","base_url":"http://127.0.0.1:9/v1","test":false}"#
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            #expect(try await server.send(.post, "\(ann.base)/providers", body, token: ann.token).status == 201)
        }
        try await TestServer.run({ $0.host = "0.0.0.0" }) { server in
            let ann = try await server.person("ann")
            let reply = try await server.send(.post, "\(ann.base)/providers", body, token: ann.token)
            #expect(reply.status == 422 && reply.details.first?["field"] as? String == "base_url")
        }
        try await TestServer.run({
            $0.host = "0.0.0.0"; $0.allowPrivateUpstreams = true
        }) { server in
            let ann = try await server.person("ann")
            #expect(try await server.send(.post, "\(ann.base)/providers", body, token: ann.token).status == 201)
        }
    }

    @Test func theLocalProviderTakesNoKeyAndNoAddress() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let reply = try await server.send(
                .post, "\(ann.base)/providers", #"{"provider":"local","base_url":"http://127.0.0.1:9"}"#, token: ann.token)
            #expect(reply.status == 422 && reply.details.first?["field"] as? String == "provider")
            #expect(try await server.send(.post, "\(ann.base)/providers/local/test", token: ann.token).status == 400)
        }
    }

    @Test func aBaseURLIsTakenAwayWithNull() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let body = #"{"provider":"openai","api_key":"sk-abcdefgh1234","base_url":"https://93.184.216.34/v1","test":false}"#
            _ = try await server.send(.post, "\(ann.base)/providers", body, token: ann.token)
            func key(_ body: String) async throws -> [String: Any] {
                try await server.send(.put, "\(ann.base)/providers/openai", body, token: ann.token).json["key"] as? [String: Any] ?? [:]
            }
            #expect(try await key(#"{"is_active":false}"#)["base_url"] as? String == "https://93.184.216.34/v1")
            let cleared = try await key(#"{"base_url":null,"test":false}"#)
            #expect(cleared["base_url"] == nil && cleared["is_active"] as? Bool == false)
        }
    }

    @Test func aMinionTokenDoesNotReadTheTrace() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let id = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let token = try #require(try await server.send(.post, "\(ann.base)/minions/\(id)/token", token: ann.token).json["token"] as? String)
            let reply = try await server.send(.post, "\(ann.base)/minions/\(id)/ask", #"{"question":"q","trace":true}"#, token: token)
            #expect(reply.status == 422 && reply.details.first?["field"] as? String == "trace")
        }
    }

    @Test func aJobNeedsTheDatasetsOfItsKind() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let dataset = try #require(
                try await server.send(.post, "\(ann.base)/training-datasets?dataset_name=v&dataset_type=jsonl", TestServer.chat, token: ann.token)
                    .json["id"] as? String)
            func create(_ kind: String, _ more: String = "") async throws -> TestServer.Reply {
                let body = #"{"minion_id":"\#(minion)","training_type":"\#(kind)","dataset_ids":["\#(dataset)"]\#(more)}"#
                return try await server.send(.post, "\(ann.base)/external-training/jobs", body, token: ann.token)
            }
            #expect(try await create("rag_only").details.first?["field"] as? String == "dataset_ids")
            #expect(try await create("hybrid").status == 422)
            #expect(try await create("lora_only", #","config":{"rank":0}"#).details.first?["field"] as? String == "config.rank")
            let made = try await create("lora_only")
            #expect(made.status == 201 && made.json["status"] as? String == "PENDING")
            #expect((made.json["config"] as? [String: Any])?["rank"] as? Int == 16)
        }
    }

    /// A reply is as short for a thousand mistakes as for fifty, says how many there are, and always the same ones.
    @Test func manyMistakesAreAShortReply() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let fields = (0..<20_000).map { #""field_\#($0)":0"# }.joined(separator: ",")
            var first: String?
            for body in [
                "{\(fields)}", "{\(fields)}", #"{"pipeline":{\#(fields)}}"#, #"{"fallbacks":[{\#(fields)},{\#(fields)}]}"#,
                #"{"sampling":{\#(fields)},"pipeline":{\#(fields)},\#(fields)}"#,
            ] {
                let reply = try await server.send(.post, "\(ann.base)/minions", body, token: ann.token)
                #expect(reply.status == 422 && reply.text.utf8.count < 20_000 && reply.details.count == 51)
                #expect(reply.details.last?["code"] as? String == "more")
                #expect(reply.text.components(separatedBy: "known here").count - 1 <= 2)
                let wanted = body.components(separatedBy: "field_").count - 1
                let total = Int(
                    (reply.json["error"] as? [String: Any])?["message"].flatMap { "\($0)".split(separator: " ").first }.map(String.init) ?? "")
                #expect(try #require(total) >= wanted)
                if let first, body.hasPrefix("{\"field_") { #expect(reply.text == first) }
                first = first ?? reply.text
            }
        }
    }

    @Test func aLongNameOrTextIsNotSaidAgain() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let long = String(repeating: "n", count: 300_000)
            let marks = "e" + String(repeating: "\u{301}", count: 300_000)
            for body in [
                #"{"\#(long)":1}"#, #"{"pipeline":{"\#(long)":1}}"#, #"{"name":"\#(marks)","provider":"local","model_id":"m"}"#,
                #"{"name":"n","provider":"local","model_id":"\#(marks)"}"#,
            ] {
                let reply = try await server.send(.post, "\(ann.base)/minions", body, token: ann.token)
                #expect(reply.status == 422 && reply.text.utf8.count < 4000)
            }
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let token = try #require(
                try await server.send(.post, "\(ann.base)/minions/\(minion)/token", "{}", token: ann.token).json["token"] as? String)
            for path in ["chat/completions", "messages", "embeddings"] {
                let reply = try await server.send(.post, "/v1/\(path)", #"{"\#(long)":1,"model":"\#(long)"}"#, token: token)
                #expect(reply.status == 400 && reply.text.utf8.count < 4000, "\(path) \(reply.status) \(reply.text.utf8.count)")
            }
        }
    }

    /// What is no JSON is told with its place, not with its text.
    @Test func aBodyThatIsNoJSONIsToldWhere() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let reply = try await server.send(.post, "\(ann.base)/minions", #"{"api_key":"sk-secret" oops}"#, token: ann.token)
            #expect(reply.code == "invalid_json" && reply.text.contains("at byte 23") && !reply.text.contains("secret"))
            let deep = String(repeating: "[", count: 100_000)
            #expect(try await server.send(.post, "\(ann.base)/minions", deep, token: ann.token).text.contains("512 levels"))
        }
    }

    @Test func trainingCanBeSwitchedOff() async throws {
        try await TestServer.run({ $0.trainingEnabled = false }) { server in
            let ann = try await server.person("ann")
            let reply = try await server.send(.post, "\(ann.base)/external-training/jobs/x/start", token: ann.token)
            #expect(reply.status == 503 && reply.code == "training_disabled")
        }
    }

    @Test func onlyTheOfferedProvidersAreShownAndTaken() async throws {
        try await TestServer.run({ $0.defaultProviders = ["local", "openai"] }) { server in
            let ann = try await server.person("ann")
            let items = try await server.send(.get, "\(ann.base)/providers", token: ann.token).json["items"] as? [[String: Any]]
            #expect(Set(items?.compactMap { $0["provider"] as? String } ?? []) == ["local", "openai"])
            let reply = try await server.send(.post, "\(ann.base)/providers", #"{"provider":"anthropic","api_key":"k"}"#, token: ann.token)
            #expect(reply.status == 422 && reply.details.first?["field"] as? String == "provider")
        }
    }

    @Test func aStoredKeyNeverLeavesAgain() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let secret = "sk-verysecret-0123456789abcd"
            let made = try await server.send(
                .post, "\(ann.base)/providers", #"{"provider":"openai","api_key":"\#(secret)","test":false}"#, token: ann.token)
            #expect(made.status == 201 && (made.json["key"] as? [String: Any])?["key_hint"] as? String == "…abcd")
            for path in ["providers", "providers/openai"] {
                #expect(!(try await server.send(.get, "\(ann.base)/\(path)", token: ann.token)).text.contains("verysecret"))
            }
            let files = try #require(FileManager.default.enumerator(at: server.folder, includingPropertiesForKeys: nil))
            for case let file as URL in Array(files) {
                guard let data = try? Data(contentsOf: file) else { continue }
                #expect(data.range(of: Data("verysecret".utf8)) == nil, "the key stands in \(file.lastPathComponent)")
            }
        }
    }

    @Test func theSameIdempotencyKeyCreatesOnce() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let headers: HTTPFields = [.init("Idempotency-Key")!: "one"]
            let first = try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token, headers: headers)
            let second = try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token, headers: headers)
            #expect(first.status == 201 && second.status == 201 && first.text == second.text)
            let other = TestServer.minion.replacingOccurrences(of: "Wick", with: "Other")
            #expect(try await server.send(.post, "\(ann.base)/minions", other, token: ann.token, headers: headers).status == 422)
        }
    }
}

@Suite struct SecretTests {
    @Test func theEncryptionKeyIsInNoDescriptionOfTheServer() async throws {
        let key = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
        try await TestServer.run({ $0.encryptionKeys = Secret(key) }) { server in
            var dumped = ""
            dump(server.app, to: &dumped)
            for text in [dumped, String(describing: server.app), String(reflecting: server.app)] { #expect(!text.contains("cw_0x689")) }
        }
    }
}
