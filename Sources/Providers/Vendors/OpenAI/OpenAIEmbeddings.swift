import Domain

/// Requests and replies of `/embeddings` and of Hugging Face's feature extraction. Pure.
public enum OpenAIEmbeddings {
    public static func request(_ request: EmbedRequest, at endpoint: Endpoint, vendor: VendorDefinition) throws -> UpstreamRequest {
        let headers = try vendor.headers(for: endpoint)
        let texts = JSONValue.array(request.texts.map(JSONValue.string))
        switch vendor.embeddings {
        case .unavailable, .ollama:
            throw ProviderError(.unsupported, provider: vendor.id, message: "\(vendor.name) offers no embeddings here")
        case .openAI, .openAIAsymmetric:
            var body: JSONValue = ["model": .string(request.model), "input": texts]
            if vendor.embeddings == .openAIAsymmetric {
                body["input_type"] = .string(request.kind.rawValue)
                body["truncate"] = "END"
            }
            return UpstreamRequest(.post, UpstreamRequest.join(endpoint.baseURL, "/embeddings"), headers: headers, body: body)
        case .featureExtraction:
            var base = UpstreamRequest.join(endpoint.baseURL, "")
            if base.hasSuffix("/v1") { base.removeLast(3) }
            return UpstreamRequest(
                .post, base + "/hf-inference/models/\(request.model)/pipeline/feature-extraction", headers: headers,
                body: ["inputs": texts, "normalize": true])
        }
    }

    public static func reply(_ json: JSONValue, count: Int, vendor: VendorDefinition) throws -> EmbedReply {
        let provider = vendor.id
        if vendor.embeddings == .featureExtraction {
            return EmbedReply(vectors: try EmbedReply.vectors(json.arrayValue ?? [], count: count, provider: provider))
        }
        let rows = (json["data"]?.arrayValue ?? []).enumerated()
            .sorted { ($0.element["index"]?.intValue ?? $0.offset) < ($1.element["index"]?.intValue ?? $1.offset) }
            .map { $0.element["embedding"] ?? .null }
        return EmbedReply(
            vectors: try EmbedReply.vectors(rows, count: count, provider: provider), usage: EmbedReply.usage(json["usage"], "prompt_tokens"))
    }
}
