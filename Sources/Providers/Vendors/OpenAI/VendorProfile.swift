/// What sets one OpenAI-compatible vendor apart from another, as data: adding a vendor is adding a
/// value of this type to ``VendorProfiles``.
public struct VendorProfile: Sendable {
    /// How the key travels.
    public enum Authentication: Sendable, Equatable {
        /// `Authorization: Bearer …`
        case bearer
        /// The bare key under another field name.
        case header(String)
    }

    /// How texts become vectors.
    public enum Embeddings: Sendable, Equatable {
        case unavailable
        /// `POST /embeddings`; `asymmetric` adds `input_type` and `truncate` (NVIDIA).
        case openAI(asymmetric: Bool)
        /// Hugging Face's feature-extraction pipeline.
        case featureExtraction
    }

    /// Which of a request's `extra` fields are sent.
    public enum Extra: Sendable, Equatable {
        case any
        case only(Set<String>)

        func allows(_ field: String) -> Bool {
            switch self {
            case .any: true
            case .only(let fields): fields.contains(field)
            }
        }
    }

    public var info: ProviderInfo
    public var authentication: Authentication
    /// Standard fields the vendor accepts, in OpenAI's names; `nil` for all. `model`, `messages` and
    /// `stream` are always sent.
    public var allowedFields: Set<String>?
    public var extra: Extra
    /// Whether `stream_options.include_usage` may be sent.
    public var supportsStreamOptions: Bool
    /// `max_tokens`, or OpenAI's newer `max_completion_tokens`.
    public var maxTokensField: String
    public var embeddings: Embeddings

    public init(
        _ info: ProviderInfo, authentication: Authentication = .bearer, allowedFields: Set<String>? = nil,
        extra: Extra = .only(VendorProfile.commonExtra), supportsStreamOptions: Bool = true, maxTokensField: String = "max_tokens",
        embeddings: Embeddings = .unavailable
    ) {
        self.info = info
        self.authentication = authentication
        self.allowedFields = allowedFields
        self.extra = extra
        self.supportsStreamOptions = supportsStreamOptions
        self.maxTokensField = maxTokensField
        self.embeddings = embeddings
    }

    /// Fields of OpenAI's own specification that hosted vendors generally accept.
    public static let commonExtra: Set<String> = [
        "frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "user", "reasoning_effort",
    ]

    /// Header fields for `endpoint`.
    /// - Throws: ``ProviderError`` of kind `.noKey` where the vendor needs a key and none is there.
    func headers(for endpoint: Endpoint) throws -> [String: String] {
        guard let key = try endpoint.usableKey(for: info) else { return [:] }
        switch authentication {
        case .bearer: return ["authorization": "Bearer \(key)"]
        case .header(let name): return [name: key]
        }
    }
}
