import Domain

/// Ollama's own API (https://docs.ollama.com/api). A key is sent where one is given, as for Ollama's
/// cloud or a proxy in front of it.
public struct Ollama: Provider {
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

    public func dropped(_ request: ChatRequest) -> [String] { RequestCarriage.dropped(request, vendor: vendor) }

    private func call(_ request: ChatRequest, at endpoint: Endpoint) -> ChatCall {
        let provider = info.id
        let key = endpoint.key
        return ChatCall(
            transport: transport, provider: provider, endpoint: endpoint, streamed: request.stream,
            request: { [vendor] in
                UpstreamRequest(
                    .post, UpstreamRequest.join(endpoint.baseURL, "/api/chat"), headers: try vendor.headers(for: endpoint),
                    body: try OllamaRequestBuilder.body(request, vendor: vendor))
            },
            decoder: { _ in OllamaStreamDecoder(provider: provider, key: key) },
            failure: { OllamaErrors.error($0, provider: provider, key: key) })
    }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] {
        let json = try await json(.get, "/api/tags", at: endpoint)
        guard let list = json["models"]?.arrayValue else {
            throw ProviderError(.malformedReply, provider: info.id, status: 200, message: "the model list has no models")
        }
        return list.compactMap { entry in (entry["model"] ?? entry["name"])?.stringValue.map { ModelInfo(id: $0) } }
    }

    public func embed(_ request: EmbedRequest, at endpoint: Endpoint) async throws -> EmbedReply {
        guard vendor.embeddings == .ollama else {
            throw ProviderError(.unsupported, provider: info.id, message: "\(info.name) offers no embeddings here")
        }
        if request.texts.isEmpty { return EmbedReply(vectors: []) }
        let json = try await json(
            .post, "/api/embed", at: endpoint,
            body: ["model": .string(request.model), "input": .array(request.texts.map(JSONValue.string)), "truncate": true],
            limit: request.replyLimit,
            jsonLimits: .vectors)
        let vectors = try EmbedReply.vectors(json["embeddings"]?.arrayValue ?? [], count: request.texts.count, provider: info.id)
        return EmbedReply(vectors: vectors, usage: EmbedReply.usage(json, "prompt_eval_count"))
    }

    private func json(
        _ method: UpstreamRequest.Method, _ path: String, at endpoint: Endpoint, body: JSONValue? = nil, limit: Int = HTTPTransport.maximumReply,
        jsonLimits: JSONLimits = .standard
    ) async throws -> JSONValue {
        let provider = info.id
        let request = UpstreamRequest(method, UpstreamRequest.join(endpoint.baseURL, path), headers: try vendor.headers(for: endpoint), body: body)
        return try await transport.json(
            request, provider: provider, key: endpoint.key, timeout: endpoint.totalTimeout, limit: limit, jsonLimits: jsonLimits
        ) {
            OllamaErrors.error($0, provider: provider, key: endpoint.key)
        }
    }
}

extension Dialect {
    static let ollama = Dialect("ollama", extraFields: OllamaRequestBuilder.extra, embeddings: [.ollama, .unavailable]) { Ollama($0, transport: $1) }
}
