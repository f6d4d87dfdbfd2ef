import HTTPTypes
import Server
import Testing

/// What a client's own words or settings bring about is told as a 4xx, with the field or the setting that is wrong.
@Suite struct ClientErrorTests {
    @Test(arguments: ["nonsense", "", "../../etc", "%00"])
    func anAdapterOfAnUnknownBaseModelIsRefusedByField(base: String) async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let reply = try await server.send(.post, "\(ann.base)/adapters?minion_id=\(minion)&base_model=\(base)", "PK", token: ann.token)
            #expect(reply.status == 422 && reply.details.first?["field"] as? String == "base_model", "\(reply.text)")
            #expect((reply.details.first?["hint"] as? String)?.contains("GET /api/models") == true)
        }
    }

    @Test func whatIsStoredAndCannotBeUsedIsAConflict() async throws {
        try await TestServer.run({ $0.allowPrivateUpstreams = true }) { server in
            let ann = try await server.person("ann")
            // A key test, and a question, where nothing says which address to call.
            let trial = try await server.send(.post, "\(ann.base)/providers/custom/test", token: ann.token)
            #expect(trial.status == 409 && trial.code == "provider_invalid_request", "\(trial.text)")
            let made = try await server.send(.post, "\(ann.base)/minions", #"{"name":"n","provider":"custom","model_id":"m"}"#, token: ann.token)
            let minion = try #require(made.json["id"] as? String)
            let asked = try await server.send(.post, "\(ann.base)/minions/\(minion)/ask", #"{"question":"q"}"#, token: ann.token)
            #expect(asked.status == 409 && asked.code == "provider_invalid_request", "\(asked.text)")
            #expect((asked.json["error"] as? [String: Any])?["message"] as? String != nil && asked.text.contains("base_url"))
            // The gateway says so in the vendors' words, and that it is the caller's to mend.
            let keyless = try await server.send(.post, "\(ann.base)/minions", #"{"name":"k","provider":"openai","model_id":"m"}"#, token: ann.token)
            let id = try #require(keyless.json["id"] as? String)
            let token = try #require(try await server.send(.post, "\(ann.base)/minions/\(id)/token", token: ann.token).json["token"] as? String)
            for path in ["chat/completions", "messages"] {
                let reply = try await server.send(
                    .post, "/v1/\(path)", #"{"model":"k","max_tokens":5,"messages":[{"role":"user","content":"q"}]}"#, token: token)
                #expect(reply.status == 409 && reply.text.contains(#""type":"invalid_request_error""#), "\(reply.text)")
            }
            let local = try await server.send(.post, "\(ann.base)/providers/local/test", token: ann.token)
            #expect(local.status == 400 && local.text.contains("GET /ready"))
        }
    }

    @Test(arguments: [
        ("chat/completions", #"{"model":null,"messages":[{"role":"user","content":"q"}]}"#, "model"),
        ("chat/completions", #"{"model":"Wick","messages":null}"#, "messages"),
        (
            "chat/completions", #"{"model":"Wick","messages":[{"role":"user","content":"q"}],"stream_options":{"include_usage":3}}"#,
            "stream_options.include_usage"
        ),
        ("embeddings", #"{"model":"bge-small-en-v1.5","input":null}"#, "input"), ("embeddings", #"{"model":null,"input":"q"}"#, "model"),
        (
            "messages",
            #"{"model":"Wick","max_tokens":5,"messages":[{"role":"user","content":"q"}],"tool_choice":{"type":"auto","disable_parallel_tool_use":1}}"#,
            "tool_choice.disable_parallel_tool_use"
        ),
    ])
    func theGatewayNamesTheFieldThatIsMissingOrWrong(path: String, body: String, field: String) async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let token = try #require(try await server.send(.post, "\(ann.base)/minions/\(minion)/token", token: ann.token).json["token"] as? String)
            let reply = try await server.send(.post, "/v1/\(path)", body, token: token)
            #expect(reply.status == 400 && reply.text.contains("'\(field)'"), "\(reply.text)")
        }
    }

    @Test func anEstimateAndAStreamOfEventsReadEveryFieldTheyAreSent() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let minion = try #require(try await server.send(.post, "\(ann.base)/minions", TestServer.minion, token: ann.token).json["id"] as? String)
            let dataset = try #require(
                try await server.send(
                    .post, "\(ann.base)/training-datasets?dataset_name=v&dataset_type=jsonl", TestServer.chat, token: ann.token
                ).json["id"] as? String)
            let start = #"{"minion_id":"\#(minion)","training_type":"lora_only","dataset_ids":["\#(dataset)"]"#
            for (field, value) in [("start", "7"), ("run_at", #""soon""#), ("allow_duplicate", "{}")] {
                let reply = try await server.send(
                    .post, "\(ann.base)/external-training/jobs/estimate", #"\#(start),"\#(field)":\#(value)}"#, token: ann.token)
                #expect(reply.status == 422 && reply.details.first?["field"] as? String == field, "\(reply.text)")
            }
            let job = try #require(
                try await server.send(.post, "\(ann.base)/external-training/jobs", start + "}", token: ann.token).json["id"] as? String)
            // A header that is good does not excuse a query that is not.
            for (query, header) in [("after=-1", "0"), ("after=x", "0"), ("after=0", "x"), ("after=-1", nil)] as [(String, String?)] {
                var headers = HTTPFields()
                headers[.init("Last-Event-ID")!] = header
                let reply = try await server.send(
                    .get, "\(ann.base)/external-training/jobs/\(job)/events?\(query)", token: ann.token, headers: headers)
                #expect(reply.status == 400 && reply.code == "invalid_request", "\(query): \(reply.text)")
            }
        }
    }
}
