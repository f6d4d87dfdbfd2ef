import Domain

/// Anthropic's messages API (https://platform.claude.com/docs/en/api/messages), version 2023-06-01,
/// at Anthropic or at a vendor that offers it too.
public struct Anthropic: Provider {
    public let vendor: VendorDefinition
    public let info: ProviderInfo
    private let transport: HTTPTransport

    public init(_ vendor: VendorDefinition, transport: HTTPTransport) {
        self.vendor = vendor
        self.transport = transport
        info = vendor.info
    }

    public func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        call(request, at: endpoint).events()
    }

    public func reply(_ request: ChatRequest, at endpoint: Endpoint) async throws -> [ChatEvent] {
        try await call(request.whole, at: endpoint).whole()
    }

    public func dropped(_ request: ChatRequest) -> [String] { AnthropicRequestBuilder.dropped(request, vendor: vendor) }

    private func call(_ request: ChatRequest, at endpoint: Endpoint) -> ChatCall {
        let provider = info.id
        let key = endpoint.key
        return ChatCall(
            transport: transport, provider: provider, endpoint: endpoint, streamed: request.stream,
            request: { [self] in
                UpstreamRequest(
                    .post, url("/v1/messages", at: endpoint), headers: try headers(for: endpoint),
                    body: try AnthropicRequestBuilder.body(request, vendor: vendor))
            },
            decoder: { mediaType in
                let streamed = mediaType == "text/event-stream" || (request.stream && mediaType != "application/json")
                return streamed
                    ? AnthropicStreamDecoder(provider: provider, key: key)
                    : WholeReplyDecoder(provider: provider, key: key) { try AnthropicReply.events($0, provider: provider, key: key) }
            },
            failure: { AnthropicErrors.error($0, provider: provider, key: key) })
    }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] {
        let request = UpstreamRequest(.get, url("/v1/models?limit=1000", at: endpoint), headers: try headers(for: endpoint))
        let provider = info.id
        let json = try await transport.json(request, provider: provider, key: endpoint.key, timeout: endpoint.totalTimeout) {
            AnthropicErrors.error($0, provider: provider, key: endpoint.key)
        }
        guard let list = json["data"]?.arrayValue else {
            throw ProviderError(.malformedReply, provider: provider, status: 200, message: "the model list has no data")
        }
        return list.compactMap { entry in
            entry["id"]?.stringValue.map { ModelInfo(id: $0, contextLength: try? entry.tokenCount("max_input_tokens")) }
        }
    }

    /// A base URL that already ends in `/v1` is taken as meant.
    private func url(_ path: String, at endpoint: Endpoint) -> String {
        var base = UpstreamRequest.join(endpoint.baseURL, "")
        if base.hasSuffix("/v1") { base.removeLast(3) }
        return base + path
    }

    private func headers(for endpoint: Endpoint) throws -> [String: String] {
        try vendor.headers(for: endpoint).merging(["anthropic-version": "2023-06-01"]) { own, _ in own }
    }
}

extension Dialect {
    static let anthropic = Dialect(
        "anthropic", auth: VendorDefinition.Auth(header: "x-api-key"), extraFields: AnthropicRequestBuilder.extra
    ) { Anthropic($0, transport: $1) }
}
