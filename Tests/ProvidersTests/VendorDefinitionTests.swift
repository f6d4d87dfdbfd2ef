import Domain
import Foundation
import Providers
import Testing

@Suite struct VendorDefinitionTests {
    private let least: JSONValue = ["id": "acme", "name": "Acme", "base_url": "https://llm.acme.example/v1"]

    private func problems(_ changes: [String: JSONValue]) -> [DataProblem] {
        var json = least
        for (field, value) in changes { json[field] = value }
        do {
            _ = try VendorDefinition(parsing: json)
            return []
        } catch { return error.problems }
    }

    @Test func threeFieldsAreEnough() throws {
        let vendor = try VendorDefinition(parsing: least)
        #expect(vendor == VendorDefinition(id: "acme", name: "Acme", baseURL: "https://llm.acme.example/v1"))
        #expect(vendor.validate().isEmpty)
        #expect(vendor.info == ProviderInfo(id: "acme", name: "Acme", defaultBaseURL: "https://llm.acme.example/v1", needsKey: true))
    }

    @Test func everyFieldIsReadAndWrittenBack() throws {
        let text = """
            {"id": "acme-2", "name": "Acme", "docs": "https://acme.example/docs", "dialect": "openai", "base_url": "https://llm.acme.example/v1",
             "needs_key": false, "model_list_checks_key": false, "auth": {"header": "X-Acme-Key", "prefix": "Key "}, "headers": {"x-team": "seven"},
             "allowed_fields": ["temperature", "max_tokens", "seed"], "extra_fields": ["top_k"], "max_tokens_field": "max_new_tokens",
             "renames": {"seed": "random_seed"}, "model_rules": [{"models": ["acme-1*"], "omit": ["temperature", "top_k"]}], "supports_stream_options": false, "embeddings": "openai", "prefers_short_prompts": true,
             "prices": [{"model": "acme-1", "input": 1, "cached_input": 0.1, "cache_write": 1.25, "output": 4, "as_of": "2026-11-01", "source": "contract"}, {"input": 0.5, "output": 0}]}
            """
        let vendor = try VendorDefinition(parsing: text)
        #expect(vendor.auth == VendorDefinition.Auth(header: "x-acme-key", prefix: "Key ") && vendor.headers == ["x-team": "seven"])
        #expect(vendor.allowedFields == ["temperature", "max_tokens", "seed"] && vendor.extraFields == .only(["top_k"]))
        #expect(vendor.modelRules == [VendorDefinition.ModelRule(models: ["acme-1*"], omit: ["temperature", "top_k"])])
        #expect(vendor.renames == ["seed": "random_seed", "max_tokens": "max_new_tokens"])
        #expect(
            !vendor.needsKey && !vendor.modelListChecksKey && !vendor.supportsStreamOptions && vendor.prefersShortPrompts
                && vendor.embeddings == .openAI)
        #expect(vendor.price(model: "acme-1-20260101")?.output == 4 && vendor.price(model: "other")?.input == 0.5)
        #expect(vendor.price(model: "acme-1")?.provider == "acme-2")
        #expect(try JSONDecoder().decode(VendorDefinition.self, from: JSONEncoder().encode(vendor)) == vendor)
        #expect(try VendorDefinition(parsing: vendor.json) == vendor)
    }

    @Test(
        arguments: [
            ("id", "A"), ("id", "Acme"), ("id", "a/b"), ("id", "-acme"), ("id", "openai"), ("id", "local"), ("id", nil), ("id", 7), ("id", ""),
            ("name", ""), ("name", "two\nlines"), ("name", nil), ("dialect", "klingon"), ("base_url", "ftp://acme.example"),
            ("base_url", "acme.example"),
            ("base_url", "https://me:secret@acme.example"), ("base_url", "https://acme.example/v1?key=1"), ("base_url", nil),
            ("base_url", "https://"),
            ("auth", "basic"), ("auth", ["header": "two words"]), ("auth", ["header": "host"]), ("auth", ["prefix": "x"]),
            ("auth", ["header": "x-k", "prefix": "a\r\nb: c"]),
            ("headers", ["content-length": "1"]), ("headers", ["Host": "x"]), ("headers", ["transfer-encoding": "chunked"]),
            ("headers", ["proxy-authorization": "x"]),
            ("headers", ["authorization": "Bearer x"]), ("headers", ["x-a": "a\nb"]), ("headers", ["x a": "b"]), ("headers", ["x-a": 1]),
            ("headers", "x"),
            ("allowed_fields", ["temprature"]), ("allowed_fields", "all"), ("extra_fields", ["messages"]), ("extra_fields", ["temperature"]),
            ("extra_fields", "some"),
            ("extra_fields", ["a b"]), ("renames", ["model": "engine"]), ("renames", ["seed": "messages"]), ("renames", ["seed": "a b"]),
            ("renames", ["seed": "x", "top_p": "x"]), ("model_rules", [["models": ["m"], "omit": ["tools"]]]), ("model_rules", [["models": ["m"]]]),
            ("model_rules", [["models": "m", "omit": []]]),
            ("embeddings", "magic"), ("embeddings", "ollama"), ("managed", true), ("colour", "red"),
            ("needs_key", "yes"),
            ("prices", [["model": "m", "input": -1, "output": 1]]), ("prices", [["model": "m", "output": 1]]), ("prices", [["input": 1]]),
            ("prices", [["input": 1, "output": 1, "cashed_input": 2]]), ("prices", [["input": "1", "output": 1]]),
            ("prices", [["input": 1, "output": 1, "as_of": "yesterday"]]), ("prices", [["input": 1, "output": 1, "provider": "openai"]]),
            ("prices", 1), ("docs", "see the wiki"),
        ] as [(String, JSONValue?)])
    func aMistakeIsNamedByItsField(field: String, value: JSONValue?) {
        let found = problems([field: value ?? .null])
        #expect(found.count == 1, "\(found)")
        #expect(found.first.map { $0.field == field || $0.field.hasPrefix("\(field).") || $0.field.hasPrefix("\(field)[") } == true, "\(found)")
        #expect(found.first?.message.isEmpty == false)
    }

    @Test func allMistakesComeAtOnce() {
        let found = problems(["id": "NO", "base_url": "x", "dialect": "y", "colour": 1, "prices": [["input": -1, "output": -1]]])
        #expect(found.map(\.field).sorted() == ["base_url", "colour", "dialect", "id", "prices[0].input", "prices[0].output"])
        #expect(throws: DataProblems.self) { try VendorDefinition(parsing: "{") }
        #expect(throws: DataProblems.self) { try VendorDefinition(parsing: "[]") }
    }

    @Test func namesOfFieldsAreOnlyOpenAIs() {
        #expect(problems(["dialect": "anthropic", "renames": ["seed": "s"]]).map(\.field) == ["renames"])
        #expect(problems(["dialect": "anthropic", "embeddings": "openai"]).map(\.field) == ["embeddings"])
        #expect(problems(["dialect": "ollama", "embeddings": "none"]).isEmpty)
    }

    @Test func dialectsBringTheirOwnDefaults() throws {
        var json = least
        json["dialect"] = "anthropic"
        #expect(try VendorDefinition(parsing: json).auth == VendorDefinition.Auth(header: "x-api-key"))
        json["dialect"] = "ollama"
        #expect(try VendorDefinition(parsing: json).embeddings == .ollama)
    }

    @Test func theCatalogHoldsWhatTheServerKnows() {
        #expect(VendorCatalog.all.count >= 16)
        for vendor in VendorCatalog.all {
            #expect(vendor.docs != nil || vendor.baseURL == nil, "\(vendor.id) names its documentation")
            #expect(vendor.baseURL?.hasSuffix("/") != true)
        }
        #expect(VendorCatalog.all.filter(\.isManaged).map(\.id) == ["local"])
        #expect(VendorCatalog.all.filter { $0.headers["connection"] != nil }.map(\.id) == ["local"])
        #expect(problems(["headers": ["connection": "close"]]).map(\.field) == ["headers.connection"])
    }

    @Test func nobodyStandsInForAKnownVendor() throws {
        let fake = VendorDefinition(id: "openai", name: "Not OpenAI", baseURL: "https://evil.example")
        #expect(fake.validate().map(\.field) == ["id"])
        let acme = try VendorDefinition(parsing: least)
        let registry = ProviderRegistry.standard().adding([fake, acme, acme], transport: HTTPTransport())
        #expect(registry["openai"]?.info.name == "OpenAI" && registry["acme"]?.info.name == "Acme")
        #expect(registry.all.count == ProviderRegistry.standard().all.count + 1)
    }

    /// What a user describes is held to the address policy like everything else.
    @Test func aDefinitionDoesNotReachPrivateAddresses() async throws {
        var json = least
        json["base_url"] = "http://127.0.0.1:9"
        let vendor = try VendorDefinition(parsing: json)
        let registry = ProviderRegistry([]).adding([vendor], transport: HTTPTransport(policy: .publicOnly))
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "Hi")])
        let endpoint = Endpoint(baseURL: "http://127.0.0.1:9", key: Secret("key-0123456789"))
        await #expect { try await registry["acme"]!.reply(request, at: endpoint) } throws: { ($0 as? ProviderError)?.kind == .permission }
        await #expect { for try await _ in registry["acme"]!.chat(request, at: endpoint) {} } throws: { ($0 as? ProviderError)?.kind == .permission }
    }

    @Test(arguments: ["openai", "anthropic", "ollama"])
    func aDefinitionIsAskedAsItSays(dialect: String) async throws {
        let fixture = DialectFixture.of(dialect)
        let upstream = FakeUpstream([.head(), .send(fixture.whole)])
        defer { upstream.stop() }
        let vendor = try VendorDefinition(
            parsing: [
                "id": "acme", "name": "Acme", "base_url": .string(upstream.url), "dialect": .string(dialect),
                "auth": ["header": "X-Acme-Key", "prefix": "Key "], "headers": ["x-team": "seven"], "allowed_fields": ["max_tokens"],
                "extra_fields": ["top_k"],
            ])
        let provider = ProviderRegistry.provider(for: vendor, transport: HTTPTransport())
        let request = ChatRequest(
            model: "m-1", messages: [ChatMessage(.user, "Hi")], sampling: Sampling(temperature: 0.5, maxTokens: 9, stop: ["x"]),
            extra: ["top_k": 3, "logprobs": true])
        var collector = ReplyCollector()
        for event in try await provider.reply(request, at: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789"))) { collector.add(event) }
        #expect(collector.text == "Hello, wörld")
        #expect(provider.dropped(request) == ["logprobs", "stop", "temperature"])
        let sent = try #require(upstream.requests.first)
        #expect(sent.headers["x-acme-key"] == "Key key-0123456789" && sent.headers["x-team"] == "seven")
        #expect(sent.headers["authorization"] == nil && sent.headers["x-api-key"] == nil)
        let body = try JSONValue(parsing: sent.body)
        #expect(body["top_k"] == 3 && body["temperature"] == nil && body["logprobs"] == nil && body["options"]?["temperature"] == nil)
    }

    @Test func aDefinitionOfUnknownFieldsIsRefusedInAFewLines() throws {
        let body = "{" + (0..<20_000).map { "\"unknown_\($0)\":0" }.joined(separator: ",") + "}"
        let problems = try #require(throws: DataProblems.self) { try VendorDefinition(parsing: body) }
        #expect(problems.problems.count == DataProblems.limit && problems.unlisted > 19_900)
        #expect(problems.description.utf8.count < 20_000 && problems.description.hasSuffix("and \(problems.unlisted) more"))
        // What is known is said once, however many fields are not.
        #expect(problems.problems.count { $0.message.contains("known:") } == 1)
    }

    @Test func longNamesAndListsOfADefinitionAreCut() throws {
        let name = String(repeating: "n", count: 100_000)
        for body in [
            #"{"\#(name)":1}"#, #"{"id":"\#(name)","name":"\#(name)","dialect":"\#(name)","base_url":"x","prices":[{},{},{"provider":"q"}]}"#,
            #"{"renames":{"\#(name)":"\#(name)"},"headers":{"\#(name)":"\#(name)"},"extra_fields":["\#(name)"]}"#,
            #"{"prices":["# + Array(repeating: "{}", count: 20_000).joined(separator: ",") + "]}",
        ] {
            let problems = try #require(throws: DataProblems.self) { try VendorDefinition(parsing: body) }
            #expect(problems.description.utf8.count < 60_000, "\(problems.description.utf8.count)")
        }
    }
}
