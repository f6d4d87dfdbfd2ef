import Domain
import Providers
import Testing

@Suite struct RequestBuilderTests {
    static let vendors = VendorCatalog.all
    private let conversation = ChatRequest(
        model: "m",
        messages: [
            ChatMessage(.system, "One."), ChatMessage(.user, "Weather?"),
            ChatMessage(
                .assistant, "",
                toolCalls: [ToolCall(id: "a", name: "get", arguments: #"{"city":"Paris"}"#), ToolCall(id: "b", name: "get", arguments: "")]),
            ChatMessage(.tool, "sunny", toolCallID: "a"), ChatMessage(.tool, "rainy", toolCallID: "b"), ChatMessage(.user, "And?"),
            ChatMessage(.system, "Two."),
        ],
        sampling: Sampling(temperature: 1.5, topP: 0.9, maxTokens: 50, stop: ["END"], seed: 7),
        tools: [ToolDefinition(name: "get", description: "d", parameters: ["type": "object"], strict: true)], toolChoice: "required",
        extra: ["lora": [["id": 0, "scale": 1.0]], "presence_penalty": 0.5, "top_k": 3, "messages": "mine"])

    private func vendor(_ id: String) -> VendorDefinition { VendorCatalog.all.first { $0.id == id }! }
    private func provider(_ id: String) -> any Provider { ProviderRegistry.standard()[id]! }

    /// The body that a vendor would get, in its dialect.
    private func body(_ request: ChatRequest, _ id: String) throws -> JSONValue {
        let vendor = vendor(id)
        return switch vendor.dialect {
        case "anthropic": try AnthropicRequestBuilder.body(request, vendor: vendor)
        case "ollama": try OllamaRequestBuilder.body(request, vendor: vendor)
        default: try OpenAIRequestBuilder.body(request, vendor: vendor)
        }
    }

    private func refusal(_ request: ChatRequest, _ id: String) -> ProviderError? {
        do {
            _ = try body(request, id)
            return nil
        } catch { return error as? ProviderError }
    }

    @Test func openAIHasItsOwnNames() throws {
        let body = try body(conversation, "openai")
        #expect(body["max_completion_tokens"] == 50 && body["max_tokens"] == nil)
        #expect(body["stream_options"] == ["include_usage": true])
        #expect(body["seed"] == 7 && body["stop"] == ["END"] && body["tool_choice"] == "required")
        #expect(body["presence_penalty"] == 0.5)
        #expect(body["lora"] == nil && body["top_k"] == nil)
        #expect(body["messages"]?[2]?["content"] == .null)
        #expect(body["messages"]?[2]?["tool_calls"]?[0]?["function"] == ["name": "get", "arguments": #"{"city":"Paris"}"#])
        #expect(body["messages"]?[3] == ["role": "tool", "content": "sunny", "tool_call_id": "a"])
        #expect(
            body["tools"]?[0] == [
                "type": "function", "function": ["name": "get", "description": "d", "parameters": ["type": "object"], "strict": true],
            ])
        #expect(provider("openai").dropped(conversation) == ["lora", "top_k"])
    }

    /// A strict vendor refuses a field it does not know, so it goes where there is a place for it, and is named elsewhere.
    @Test(arguments: [
        ("openai", true), ("custom", true), ("deepseek", true), ("groq", true), ("nvidia", false), ("mistral", false), ("anthropic", false),
        ("ollama", false),
    ])
    func aMessagesNameGoesWhereThereIsAPlaceForIt(id: String, isTaken: Bool) throws {
        let named = ChatRequest(
            model: "m", messages: [ChatMessage(.user, "Hi", name: "ann"), ChatMessage(.assistant, "Hello"), ChatMessage(.user, "And?", name: "bob")])
        let messages = try body(named, id)["messages"]?.arrayValue ?? []
        #expect(messages.map { $0["name"] } == (isTaken ? ["ann", nil, "bob"] : [nil, nil, nil]))
        #expect(provider(id).dropped(named) == (isTaken ? [] : ["messages.name"]))
        let unnamed = ChatRequest(model: "m", messages: [ChatMessage(.user, "Hi")])
        #expect(provider(id).dropped(unnamed).isEmpty)
    }

    @Test func mistralCallsTheSeedOtherwise() throws {
        let body = try body(conversation, "mistral")
        #expect(body["random_seed"] == 7 && body["seed"] == nil && body["max_tokens"] == 50 && body["stream_options"] == nil)
    }

    @Test func nvidiaGetsOnlyWhatItsStrictSchemaKnows() throws {
        let body = try body(conversation, "nvidia")
        let allowed: Set<String> = [
            "model", "messages", "stream", "temperature", "top_p", "max_tokens", "stop", "seed", "tools", "tool_choice", "presence_penalty",
        ]
        #expect(Set(try #require(body.objectValue).keys) == allowed)
    }

    @Test func localPassesItsOwnFieldsThroughButNotOverOurs() throws {
        let body = try body(conversation, "local")
        #expect(body["lora"] == [["id": 0, "scale": 1.0]])
        #expect(body["messages"]?.arrayValue?.count == 7)
        #expect(provider("local").dropped(conversation).isEmpty)
    }

    @Test(arguments: vendors.map(\.id))
    func aPlainRequestStaysPlain(id: String) throws {
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "x")], sampling: Sampling(stop: []), stream: false)
        let required: Set<String> = vendor(id).dialect == "anthropic" ? ["max_tokens"] : []
        #expect(Set(try #require(body(request, id).objectValue).keys) == required.union(["model", "messages", "stream"]))
    }

    @Test func anthropicTakesTheSystemPromptOutAndGroupsTurns() throws {
        let body = try body(conversation, "anthropic")
        #expect(body["system"] == "One.\n\nTwo.")
        let turns = try #require(body["messages"]?.arrayValue)
        #expect(turns.map { $0["role"]?.stringValue } == ["user", "assistant", "user"])
        #expect(
            turns[1]["content"] == [
                ["type": "tool_use", "id": "a", "name": "get", "input": ["city": "Paris"]],
                ["type": "tool_use", "id": "b", "name": "get", "input": [:]],
            ])
        #expect(
            turns[2]["content"] == [
                ["type": "tool_result", "tool_use_id": "a", "content": "sunny"], ["type": "tool_result", "tool_use_id": "b", "content": "rainy"],
                ["type": "text", "text": "And?"],
            ])
        #expect(body["tools"]?[0] == ["name": "get", "description": "d", "input_schema": ["type": "object"], "strict": true])
        #expect(body["tool_choice"] == ["type": "any"])
        #expect(body["max_tokens"] == 50 && body["stop_sequences"] == ["END"])
        #expect(body["top_k"] == 3 && body["lora"] == nil && body["seed"] == nil)
    }

    /// A temperature beyond the API's range is left to its default, which is the nearest, and named.
    @Test func anthropicNamesTheHintsItDoesNotCarry() throws {
        #expect(try body(conversation, "anthropic")["temperature"] == nil && body(conversation, "anthropic")["top_p"] == 0.9)
        #expect(provider("anthropic").dropped(conversation) == ["lora", "presence_penalty", "seed", "temperature"])
        var mild = conversation
        mild.sampling = Sampling(temperature: 0.3, topP: 0.9)
        #expect(try body(mild, "anthropic")["temperature"] == 0.3 && body(mild, "anthropic")["top_p"] == nil)
        #expect(provider("anthropic").dropped(mild) == ["lora", "presence_penalty", "top_p"])
        #expect(provider("anthropic").dropped(ChatRequest(model: "m", messages: [], sampling: Sampling(temperature: 1, maxTokens: 5))).isEmpty)
    }

    /// Newer models answer 400 to a temperature; as a fallback they would never answer at all.
    @Test(arguments: [
        ("anthropic", "claude-opus-4-8", true), ("anthropic", "claude-sonnet-5-5", true), ("anthropic", "claude-sonnet-4-5", false),
        ("openai", "o3-mini", true), ("openai", "gpt-5-mini-2025-08-07", true), ("openai", "gpt-5-chat-latest", false), ("openai", "gpt-4.1", false),
    ])
    func hintsThatAModelRefusesAreLeftOutAndNamed(id: String, model: String, isOmitted: Bool) throws {
        let request = ChatRequest(
            model: model, messages: [ChatMessage(.user, "x")], sampling: Sampling(temperature: 0.5, maxTokens: 5), extra: ["top_k": 3])
        #expect(try (body(request, id)["temperature"] == nil) == isOmitted)
        #expect(provider(id).dropped(request).contains("temperature") == isOmitted)
        if id == "anthropic" { #expect(try (body(request, id)["top_k"] == nil) == isOmitted) }
    }

    @Test func anthropicAlwaysHasMaxTokens() throws {
        let body = try body(ChatRequest(model: "m", messages: [ChatMessage(.user, "x")]), "anthropic")
        #expect(body["max_tokens"] == 1024 && body["tools"] == nil && body["tool_choice"] == nil && body["system"] == nil)
    }

    @Test(
        arguments: [
            ("auto", ["type": "auto"]), ("none", ["type": "none"]), ("required", ["type": "any"]),
            (["type": "function", "function": ["name": "get"]], ["type": "tool", "name": "get"]), (nil, nil),
            (["type": "any", "disable_parallel_tool_use": true], ["type": "any", "disable_parallel_tool_use": true]),
        ] as [(JSONValue?, JSONValue?)])
    func toolChoicesInAnthropicsWords(choice: JSONValue?, theirs: JSONValue?) throws {
        var request = conversation
        request.toolChoice = choice
        #expect(try body(request, "anthropic")["tool_choice"] == theirs)
        #expect(try body(request, "openai")["tool_choice"] == choice)
        request.extra = ["parallel_tool_calls": false]
        var serial = theirs ?? ["type": "auto"]
        if choice != "none" { serial["disable_parallel_tool_use"] = true }
        #expect(try body(request, "anthropic")["tool_choice"] == serial)
        #expect(try body(request, "openai")["parallel_tool_calls"] == false)
        request.tools = []
        #expect(try body(request, "openai")["parallel_tool_calls"] == nil)
    }

    @Test func effortAndUserHaveCounterparts() throws {
        let request = ChatRequest(model: "m", messages: [], extra: ["reasoning_effort": "high", "user": "u-1"])
        let body = try body(request, "anthropic")
        #expect(body["output_config"] == ["effort": "high"] && body["metadata"] == ["user_id": "u-1"])
        #expect(body["reasoning_effort"] == nil && body["user"] == nil && provider("anthropic").dropped(request).isEmpty)
        let none = ChatRequest(model: "m", messages: [], extra: ["reasoning_effort": "minimal"])
        #expect(try self.body(none, "anthropic")["output_config"] == nil)
        #expect(provider("anthropic").dropped(none) == ["reasoning_effort"] && provider("ollama").dropped(none) == ["reasoning_effort"])
        #expect(try self.body(none, "openai")["reasoning_effort"] == "minimal")
    }

    @Test func jsonModeReachesEveryDialectOrIsRefusedByName() throws {
        let schema: JSONValue = ["type": "object", "properties": ["a": ["type": "integer"]]]
        let object = ChatRequest(model: "m", messages: [], responseFormat: ["type": "json_object"])
        let typed = ChatRequest(model: "m", messages: [], responseFormat: ["type": "json_schema", "json_schema": ["name": "n", "schema": schema]])
        #expect(
            try body(object, "openai")["response_format"] == object.responseFormat && body(typed, "local")["response_format"] == typed.responseFormat)
        #expect(try body(object, "ollama")["format"] == "json" && body(typed, "ollama")["format"] == schema)
        #expect(try body(typed, "anthropic")["output_config"] == ["format": ["type": "json_schema", "schema": schema]])
        for (request, id) in [(object, "anthropic"), (object, "nvidia"), (typed, "nvidia")] {
            #expect(refusal(request, id)?.kind == .unsupported && refusal(request, id)?.message.contains("response_format") == true)
        }
        let plain = ChatRequest(model: "m", messages: [], responseFormat: ["type": "text"])
        for vendor in Self.vendors { #expect(refusal(plain, vendor.id) == nil) }
        let odd = ChatRequest(model: "m", messages: [], responseFormat: ["type": "grammar"])
        #expect(refusal(odd, "anthropic")?.kind == .unsupported && refusal(odd, "ollama")?.kind == .unsupported && refusal(odd, "local") == nil)
    }

    @Test func toolsAreCarriedOrRefusedNeverDropped() throws {
        for vendor in Self.vendors where vendor.dialect != "ollama" { #expect(try body(conversation, vendor.id)["tools"]?.arrayValue?.count == 1) }
        var without = vendor("openai")
        without.allowedFields = ["temperature"]
        var called = conversation
        called.tools = []
        for (request, field) in [(conversation, "tools"), (called, "messages[2].tool_calls")] {
            #expect { try OpenAIRequestBuilder.body(request, vendor: without) } throws: {
                ($0 as? ProviderError)?.kind == .unsupported && "\($0)".contains(field)
            }
        }
        without.allowedFields = ["tools"]
        #expect { try OpenAIRequestBuilder.body(conversation, vendor: without) } throws: { "\($0)".contains("tool_choice") }
        var none = conversation
        none.toolChoice = "none"
        #expect(try OpenAIRequestBuilder.body(none, vendor: without)["tools"] == nil, "without tool_choice, none is said by leaving the tools out")
    }

    @Test func ollamaTranslatesToolsAndOptions() throws {
        #expect(refusal(conversation, "ollama")?.message.contains("tool_choice") == true)
        var request = conversation
        request.toolChoice = "auto"
        let body = try body(request, "ollama")
        #expect(
            body["options"] == ["temperature": 1.5, "top_p": 0.9, "num_predict": 50, "stop": ["END"], "seed": 7, "presence_penalty": 0.5])
        #expect(body["tools"]?.arrayValue?.count == 1 && body["presence_penalty"] == nil)
        #expect(body["messages"]?[2]?["tool_calls"]?[0] == ["function": ["name": "get", "arguments": ["city": "Paris"]]])
        #expect(body["messages"]?[3] == ["role": "tool", "content": "sunny", "tool_name": "get"])
        request.toolChoice = "none"
        #expect(try self.body(request, "ollama")["tools"] == nil)
    }

    @Test(arguments: [(100, nil), (12_000, 8192), (60_000, 32768), (9_000_000, 131_072)] as [(Int, Int?)])
    func ollamaSizesTheContextAfterThePrompt(characters: Int, size: Int?) throws {
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, String(repeating: "x", count: characters))])
        #expect(try body(request, "ollama")["options"]?["num_ctx"]?.intValue == size)
        var own = request
        own.extra["options"] = ["num_ctx": 2048]
        #expect(try body(own, "ollama")["options"]?["num_ctx"] == 2048)
    }
}
