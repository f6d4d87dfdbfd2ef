/// Anthropic's messages API (https://platform.claude.com/docs/en/api/messages), version 2023-06-01.
public struct Anthropic: Provider {
    public let info = ProviderInfo(id: "anthropic", name: "Anthropic", defaultBaseURL: "https://api.anthropic.com", needsKey: true)
    private let transport: HTTPTransport

    public init(transport: HTTPTransport) { self.transport = transport }

    public func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        let provider = info.id
        let key = endpoint.key
        return ChatCall(
            transport: transport, provider: provider, endpoint: endpoint, streamed: request.stream,
            request: { [self] in
                UpstreamRequest(
                    .post, url("/v1/messages", at: endpoint), headers: try headers(for: endpoint),
                    body: try AnthropicRequestBuilder.body(request, provider: provider))
            },
            decoder: { mediaType in
                let streamed = mediaType == "text/event-stream" || (request.stream && mediaType != "application/json")
                return streamed
                    ? AnthropicStreamDecoder(provider: provider, key: key)
                    : WholeReplyDecoder(provider: provider) { try AnthropicReply.events($0, provider: provider, key: key) }
            },
            failure: { AnthropicErrors.error($0, provider: provider, key: key) }
        ).events()
    }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] {
        let request = UpstreamRequest(.get, url("/v1/models?limit=1000", at: endpoint), headers: try headers(for: endpoint))
        let provider = info.id
        let json = try await transport.json(request, provider: provider, timeout: endpoint.totalTimeout) {
            AnthropicErrors.error($0, provider: provider, key: endpoint.key)
        }
        guard let list = json["data"]?.arrayValue else {
            throw ProviderError(.malformedReply, provider: provider, status: 200, message: "the model list has no data")
        }
        return list.compactMap { entry in
            entry["id"]?.stringValue.map { ModelInfo(id: $0, contextLength: entry["max_input_tokens"]?.intValue) }
        }
    }

    /// A base URL that already ends in `/v1` is taken as meant.
    private func url(_ path: String, at endpoint: Endpoint) -> String {
        var base = UpstreamRequest.join(endpoint.baseURL, "")
        if base.hasSuffix("/v1") { base.removeLast(3) }
        return base + path
    }

    private func headers(for endpoint: Endpoint) throws -> [String: String] {
        var headers = ["anthropic-version": "2023-06-01"]
        headers["x-api-key"] = try endpoint.usableKey(for: info)
        return headers
    }
}
