/// Every vendor that speaks OpenAI's chat completions; a ``VendorProfile`` says how it differs.
public struct OpenAICompatible: Provider {
    public let profile: VendorProfile
    private let transport: HTTPTransport

    public var info: ProviderInfo { profile.info }

    public init(profile: VendorProfile, transport: HTTPTransport) {
        self.profile = profile
        self.transport = transport
    }

    public func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        let provider = info.id
        let key = endpoint.key
        return ChatCall(
            transport: transport, provider: provider, endpoint: endpoint, streamed: request.stream,
            request: { [profile] in
                UpstreamRequest(
                    .post, UpstreamRequest.join(endpoint.baseURL, "/chat/completions"), headers: try profile.headers(for: endpoint),
                    body: OpenAIRequestBuilder.body(request, profile: profile))
            },
            decoder: { mediaType in
                // A server may answer the other way than asked; its media type tells.
                let streamed = mediaType == "text/event-stream" || (request.stream && mediaType != "application/json")
                return streamed
                    ? OpenAIStreamDecoder(provider: provider, key: key)
                    : WholeReplyDecoder(provider: provider) { try OpenAIReply.events($0, provider: provider, key: key) }
            },
            failure: { OpenAIErrors.error($0, provider: provider, key: key) }
        ).events()
    }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] {
        let request = UpstreamRequest(.get, UpstreamRequest.join(endpoint.baseURL, "/models"), headers: try profile.headers(for: endpoint))
        let json = try await json(request, at: endpoint)
        guard let list = json["data"]?.arrayValue ?? json.arrayValue else {
            throw ProviderError(.malformedReply, provider: info.id, status: 200, message: "the model list has no data")
        }
        return list.compactMap { entry in
            guard let id = entry["id"]?.stringValue else { return nil }
            let context = ["context_length", "context_window", "max_context_length", "max_model_len"].lazy.compactMap { entry[$0]?.intValue }.first
            return ModelInfo(id: id, contextLength: context ?? entry["meta"]?["n_ctx_train"]?.intValue)
        }
    }

    public func embed(_ request: EmbedRequest, at endpoint: Endpoint) async throws -> EmbedReply {
        let upstream = try OpenAIEmbeddings.request(request, at: endpoint, profile: profile)
        if request.texts.isEmpty { return EmbedReply(vectors: []) }
        return try OpenAIEmbeddings.reply(try await json(upstream, at: endpoint), count: request.texts.count, profile: profile)
    }

    private func json(_ request: UpstreamRequest, at endpoint: Endpoint) async throws -> JSONValue {
        let provider = info.id
        return try await transport.json(request, provider: provider, timeout: endpoint.totalTimeout) {
            OpenAIErrors.error($0, provider: provider, key: endpoint.key)
        }
    }
}
