import Providers
import Testing

@Suite struct RequestBuilderTests {
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
        tools: [ToolDefinition(name: "get", description: "d", parameters: ["type": "object"])], toolChoice: "required",
        extra: ["lora": [["id": 0, "scale": 1.0]], "presence_penalty": 0.5, "top_k": 3, "messages": "mine"])

    private func profile(_ id: String) -> VendorProfile { VendorProfiles.all.first { $0.info.id == id }! }

    @Test func openAIHasItsOwnNames() {
        let body = OpenAIRequestBuilder.body(conversation, profile: profile("openai"))
        #expect(body["max_completion_tokens"] == 50 && body["max_tokens"] == nil)
        #expect(body["stream_options"] == ["include_usage": true])
        #expect(body["seed"] == 7 && body["stop"] == ["END"] && body["tool_choice"] == "required")
        #expect(body["presence_penalty"] == 0.5)
        #expect(body["lora"] == nil && body["top_k"] == nil)
        #expect(body["messages"]?[2]?["content"] == .null)
        #expect(body["messages"]?[2]?["tool_calls"]?[0]?["function"] == ["name": "get", "arguments": #"{"city":"Paris"}"#])
        #expect(body["messages"]?[3] == ["role": "tool", "content": "sunny", "tool_call_id": "a"])
        #expect(body["tools"]?[0] == ["type": "function", "function": ["name": "get", "description": "d", "parameters": ["type": "object"]]])
    }

    @Test func nvidiaGetsOnlyWhatItsStrictSchemaKnows() throws {
        let body = OpenAIRequestBuilder.body(conversation, profile: profile("nvidia"))
        let allowed: Set<String> = [
            "model", "messages", "stream", "temperature", "top_p", "max_tokens", "stop", "seed", "tools", "tool_choice", "presence_penalty",
        ]
        #expect(Set(try #require(body.objectValue).keys) == allowed)
    }

    @Test func localPassesItsOwnFieldsThroughButNotOverOurs() {
        let body = OpenAIRequestBuilder.body(conversation, profile: profile("local"))
        #expect(body["lora"] == [["id": 0, "scale": 1.0]])
        #expect(body["messages"]?.arrayValue?.count == 7)
    }

    @Test(arguments: VendorProfiles.all.map(\.info.id))
    func aPlainRequestStaysPlain(id: String) throws {
        let body = OpenAIRequestBuilder.body(ChatRequest(model: "m", messages: [ChatMessage(.user, "x")], stream: false), profile: profile(id))
        #expect(Set(try #require(body.objectValue).keys) == ["model", "messages", "stream"])
    }

    @Test func anthropicTakesTheSystemPromptOutAndGroupsTurns() throws {
        let body = try AnthropicRequestBuilder.body(conversation, provider: "anthropic")
        #expect(body["system"] == "One.\n\nTwo.")
        let turns = try #require(body["messages"]?.arrayValue)
        #expect(turns.map { $0["role"]?.stringValue } == ["user", "assistant", "user"])
        #expect(
            turns[1]["content"] == [
                ["type": "tool_use", "id": "a", "name": "get", "input": ["city": "Paris"]],
                ["type": "tool_use", "id": "b", "name": "get", "input": [:]],
            ])
        #expect(turns[2]["content"]?.arrayValue?.map { $0["type"]?.stringValue } == ["tool_result", "tool_result", "text"])
        #expect(body["tools"]?[0]?["input_schema"] == ["type": "object"])
        #expect(body["tool_choice"] == ["type": "any"])
        #expect(body["temperature"] == 1.0 && body["top_p"] == nil && body["max_tokens"] == 50 && body["stop_sequences"] == ["END"])
        #expect(body["top_k"] == 3 && body["lora"] == nil && body["seed"] == nil)
    }

    @Test func anthropicAlwaysHasMaxTokens() throws {
        let body = try AnthropicRequestBuilder.body(ChatRequest(model: "m", messages: [ChatMessage(.user, "x")]), provider: "anthropic")
        #expect(body["max_tokens"] == 1024 && body["tools"] == nil && body["tool_choice"] == nil && body["system"] == nil)
        let named: JSONValue = ["type": "function", "function": ["name": "get"]]
        let tools = [ToolDefinition(name: "get", parameters: [:])]
        let forced = try AnthropicRequestBuilder.body(ChatRequest(model: "m", messages: [], tools: tools, toolChoice: named), provider: "anthropic")
        #expect(forced["tool_choice"] == ["type": "tool", "name": "get"])
    }

    @Test func anthropicRefusesAResponseFormatItCannotKeep() {
        let request = ChatRequest(model: "m", messages: [], responseFormat: ["type": "json_object"])
        #expect { try AnthropicRequestBuilder.body(request, provider: "anthropic") } throws: { ($0 as? ProviderError)?.kind == .unsupported }
    }

    @Test func ollamaTranslatesToolsAndOptions() {
        let body = OllamaRequestBuilder.body(conversation)
        #expect(body["options"] == ["temperature": 1.5, "top_p": 0.9, "num_predict": 50, "stop": ["END"], "seed": 7])
        #expect(body["messages"]?[2]?["tool_calls"]?[0] == ["function": ["name": "get", "arguments": ["city": "Paris"]]])
        #expect(body["messages"]?[3] == ["role": "tool", "content": "sunny", "tool_name": "get"])
    }

    @Test(arguments: [(100, nil), (12_000, 8192), (60_000, 32768), (9_000_000, 131_072)] as [(Int, Int?)])
    func ollamaSizesTheContextAfterThePrompt(characters: Int, size: Int?) {
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, String(repeating: "x", count: characters))])
        #expect(OllamaRequestBuilder.body(request)["options"]?["num_ctx"]?.intValue == size)
        var own = request
        own.extra["options"] = ["num_ctx": 2048]
        #expect(OllamaRequestBuilder.body(own)["options"]?["num_ctx"] == 2048)
    }
}
