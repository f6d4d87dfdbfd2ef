import Domain

/// Every vendor that speaks OpenAI's chat completions; a ``VendorDefinition`` says how it differs.
public struct OpenAICompatible: Provider {
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

    public func dropped(_ request: ChatRequest) -> [String] { RequestCarriage.dropped(request, vendor: vendor, takesNames: true) }

    private func call(_ request: ChatRequest, at endpoint: Endpoint) -> ChatCall {
        let provider = info.id
        let key = endpoint.key
        return ChatCall(
            transport: transport, provider: provider, endpoint: endpoint, streamed: request.stream,
            request: { [vendor] in
                UpstreamRequest(
                    .post, UpstreamRequest.join(endpoint.baseURL, "/chat/completions"), headers: try vendor.headers(for: endpoint),
                    body: try OpenAIRequestBuilder.body(request, vendor: vendor))
            },
            decoder: { mediaType in
                // A server may answer the other way than asked; its media type tells.
                let streamed = mediaType == "text/event-stream" || (request.stream && mediaType != "application/json")
                return streamed
                    ? OpenAIStreamDecoder(provider: provider, key: key)
                    : WholeReplyDecoder(provider: provider, key: key) { try OpenAIReply.events($0, provider: provider, key: key) }
            },
            failure: { OpenAIErrors.error($0, provider: provider, key: key) })
    }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] {
        let request = UpstreamRequest(.get, UpstreamRequest.join(endpoint.baseURL, "/models"), headers: try vendor.headers(for: endpoint))
        let json = try await json(request, at: endpoint)
        guard let list = json["data"]?.arrayValue ?? json.arrayValue else {
            throw ProviderError(.malformedReply, provider: info.id, status: 200, message: "the model list has no data")
        }
        return list.compactMap { entry in
            guard let id = entry["id"]?.stringValue else { return nil }
            let context = ["context_length", "context_window", "max_context_length", "max_model_len"].lazy.compactMap { try? entry.tokenCount($0) }
                .first
            return ModelInfo(id: id, contextLength: context ?? (try? entry["meta"]?.tokenCount("n_ctx_train")))
        }
    }

    public func embed(_ request: EmbedRequest, at endpoint: Endpoint) async throws -> EmbedReply {
        let upstream = try OpenAIEmbeddings.request(request, at: endpoint, vendor: vendor)
        if request.texts.isEmpty { return EmbedReply(vectors: []) }
        return try OpenAIEmbeddings.reply(
            try await json(upstream, at: endpoint, limit: request.replyLimit, jsonLimits: .vectors), count: request.texts.count, vendor: vendor)
    }

    private func json(
        _ request: UpstreamRequest, at endpoint: Endpoint, limit: Int = HTTPTransport.maximumReply, jsonLimits: JSONLimits = .standard
    ) async throws -> JSONValue {
        let provider = info.id
        return try await transport.json(
            request, provider: provider, key: endpoint.key, timeout: endpoint.totalTimeout, limit: limit, jsonLimits: jsonLimits
        ) {
            OpenAIErrors.error($0, provider: provider, key: endpoint.key)
        }
    }
}

extension Dialect {
    /// https://platform.openai.com/docs/api-reference/chat
    static let openAI = Dialect(
        "openai", extraFields: VendorDefinition.commonExtra, embeddings: [.unavailable, .openAI, .openAIAsymmetric, .featureExtraction],
        takesRenames: true
    ) { OpenAICompatible($0, transport: $1) }
}
