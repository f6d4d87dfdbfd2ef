import Domain

/// A vendor as data: where it is, which dialect it speaks and how it differs from that dialect's own
/// vendor. The entries of `Resources/vendors.json` and users' own providers are of this one type.
public struct VendorDefinition: Sendable, Equatable {
    public typealias Problem = DataProblem

    /// How the key travels: in one header field, after `prefix`.
    public struct Auth: Sendable, Equatable {
        public var header: String
        public var prefix: String

        public init(header: String, prefix: String = "") {
            self.header = header
            self.prefix = prefix
        }

        public static let bearer = Auth(header: "authorization", prefix: "Bearer ")
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

    /// Hints that some models of a vendor refuse; they are left out for those, and named.
    public struct ModelRule: Sendable, Equatable {
        /// Exact names, or beginnings followed by `*`.
        public var models: [String]
        /// In OpenAI's names.
        public var omit: Set<String>

        public init(models: [String], omit: Set<String>) {
            self.models = models
            self.omit = omit
        }

        func covers(_ model: String) -> Bool {
            models.contains { $0.last == "*" ? model.hasPrefix($0.dropLast()) : model == $0 }
        }
    }

    /// How texts become vectors.
    public enum Embeddings: String, Sendable, CaseIterable {
        case unavailable = "none"
        /// `POST /embeddings`.
        case openAI = "openai"
        /// The same with `input_type` and `truncate` (NVIDIA).
        case openAIAsymmetric = "openai_asymmetric"
        /// Hugging Face's feature-extraction pipeline.
        case featureExtraction = "feature_extraction"
        /// `POST /api/embed`.
        case ollama
    }

    /// Lower-case letters, digits, `-` and `_`; unique among the providers.
    public var id: String
    /// For people.
    public var name: String
    /// The vendor's documentation.
    public var docs: String?
    /// The name of a ``Dialect``.
    public var dialect: String
    /// Without a trailing slash; absent where the user must give one (`custom`) or the server makes it (`local`).
    public var baseURL: String?
    public var needsKey: Bool
    /// False where the vendor lists its models to anybody, so that a list proves nothing about a key.
    public var modelListChecksKey: Bool
    public var auth: Auth
    /// Sent with every call; no secrets.
    public var headers: [String: String]
    /// Those of ``standardFields`` that the vendor accepts; `nil` for all.
    public var allowedFields: Set<String>?
    public var extraFields: Extra
    public var modelRules: [ModelRule]
    /// Field names that differ from OpenAI's: `["seed": "random_seed"]`.
    public var renames: [String: String]
    /// Whether `stream_options.include_usage` may be sent.
    public var supportsStreamOptions: Bool
    public var embeddings: Embeddings
    /// Small models lose the question among instructions: give them notes and question only.
    public var prefersShortPrompts: Bool
    /// Run by this server itself. No user's definition may say so.
    public var isManaged: Bool
    /// These go before the table's.
    public var prices: [Price]

    public init(
        id: String, name: String, docs: String? = nil, dialect: String = "openai", baseURL: String?, needsKey: Bool = true,
        modelListChecksKey: Bool = true, auth: Auth = .bearer, headers: [String: String] = [:], allowedFields: Set<String>? = nil,
        extraFields: Extra = .only(VendorDefinition.commonExtra), modelRules: [ModelRule] = [], renames: [String: String] = [:],
        supportsStreamOptions: Bool = true, embeddings: Embeddings = .unavailable, prefersShortPrompts: Bool = false, isManaged: Bool = false,
        prices: [Price] = []
    ) {
        self.id = id
        self.name = name
        self.docs = docs
        self.dialect = dialect
        self.baseURL = baseURL
        self.needsKey = needsKey
        self.modelListChecksKey = modelListChecksKey
        self.auth = auth
        self.headers = headers
        self.allowedFields = allowedFields
        self.extraFields = extraFields
        self.modelRules = modelRules
        self.renames = renames
        self.supportsStreamOptions = supportsStreamOptions
        self.embeddings = embeddings
        self.prefersShortPrompts = prefersShortPrompts
        self.isManaged = isManaged
        self.prices = prices
    }

    /// Fields of a request that have a place of their own in ``ChatRequest``, in OpenAI's names.
    public static let standardFields: Set<String> = [
        "temperature", "top_p", "max_tokens", "stop", "seed", "tools", "tool_choice", "response_format", messageName,
    ]

    /// The `name` of a message, as lists of fields call it.
    static let messageName = "messages.name"

    /// Fields that are always sent and always ours.
    static let reservedFields: Set<String> = ["model", "messages", "stream", "stream_options"]

    /// Further fields of OpenAI's own specification that hosted vendors generally accept.
    public static let commonExtra: Set<String> = [
        "frequency_penalty", "presence_penalty", "logit_bias", "parallel_tool_calls", "user", "reasoning_effort",
    ]

    public var info: ProviderInfo {
        ProviderInfo(
            id: id, name: name, defaultBaseURL: baseURL, needsKey: needsKey, modelListChecksKey: modelListChecksKey,
            prefersShortPrompts: prefersShortPrompts, isManaged: isManaged)
    }

    /// The definition's own price for `model`.
    public func price(model: String) -> Price? {
        prices.isEmpty ? nil : PriceTable(prices, version: "own").price(provider: id, model: model)
    }

    /// Whether the vendor has a place for one of ``standardFields``, whatever the model.
    func allows(_ field: String) -> Bool { allowedFields?.contains(field) ?? true }

    /// What of a request `model` gets.
    func fields(for model: String) -> CarriedFields {
        CarriedFields(vendor: self, omitted: modelRules.reduce(into: []) { if $1.covers(model) { $0.formUnion($1.omit) } })
    }

    /// Header fields for `endpoint`.
    /// - Throws: ``ProviderError`` of kind `.noKey` where the vendor needs a key and none is there.
    func headers(for endpoint: Endpoint) throws -> [String: String] {
        var fields = headers
        if let key = try endpoint.usableKey(for: self) { fields[auth.header] = auth.prefix + key }
        return fields
    }
}
