import Domain
import Foundation

/// One vendor dialect. The whole contract of a provider is this one required method; what a vendor
/// cannot do keeps the default, which throws ``ProviderError`` of kind `.unsupported`.
///
/// A provider knows nothing of users, SQL or retries: it turns one ``ChatRequest`` into one upstream
/// call and its bytes into ``ChatEvent`` values.
public protocol Provider: Sendable {
    /// Stable facts: id, display name, default base URL, whether a key is needed.
    var info: ProviderInfo { get }

    /// Sends one chat request. `request.stream == false` asks the vendor for one whole reply; the
    /// events are the same either way. The stream throws ``ProviderError``; a stream that ends
    /// without `.finish` was cut and throws `.cutStream`. Cancelling the consuming task closes the
    /// upstream connection.
    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error>

    /// A whole reply without a stream in between: `request.stream` is taken as false. What it is made
    /// of is the same, and so are the errors. Cancelling the calling task closes the upstream connection.
    func reply(_ request: ChatRequest, at endpoint: Endpoint) async throws -> [ChatEvent]

    /// Names, in OpenAI's words, of the fields of `request` that this provider would leave out:
    /// sampling hints only. What decides the kind of reply (tools, a response format) is never left
    /// out; it is carried or refused with `.unsupported`. Pure.
    func dropped(_ request: ChatRequest) -> [String]

    /// Model ids the endpoint offers, as the vendor lists them.
    func models(at endpoint: Endpoint) async throws -> [ModelInfo]

    /// One vector per text, in order.
    func embed(_ request: EmbedRequest, at endpoint: Endpoint) async throws -> EmbedReply
}

extension Provider {
    public func reply(_ request: ChatRequest, at endpoint: Endpoint) async throws -> [ChatEvent] {
        var events: [ChatEvent] = []
        for try await event in chat(request.whole, at: endpoint) { events.append(event) }
        // A cancelled stream may end without an error.
        try Task.checkCancellation()
        return events
    }

    public func dropped(_ request: ChatRequest) -> [String] { [] }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] {
        throw ProviderError(.unsupported, provider: info.id, message: "\(info.name) does not list models here")
    }

    public func embed(_ request: EmbedRequest, at endpoint: Endpoint) async throws -> EmbedReply {
        throw ProviderError(.unsupported, provider: info.id, message: "\(info.name) offers no embeddings here")
    }
}

/// What never changes about a provider.
public struct ProviderInfo: Sendable, Codable, Equatable {
    public var id: String
    public var name: String
    /// Absent where the user must give one (`custom`) or the server makes it (`local`).
    public var defaultBaseURL: String?
    public var needsKey: Bool
    /// False where the vendor lists its models to anybody, so that a list proves nothing about a key.
    public var modelListChecksKey: Bool

    /// Small models lose the question among instructions: give them notes and question only.
    public var prefersShortPrompts: Bool
    /// Run by this server itself: no user gives it a key or an address.
    public var isManaged: Bool

    public init(
        id: String, name: String, defaultBaseURL: String?, needsKey: Bool, modelListChecksKey: Bool = true, prefersShortPrompts: Bool = false,
        isManaged: Bool = false
    ) {
        self.id = id
        self.name = name
        self.defaultBaseURL = defaultBaseURL
        self.needsKey = needsKey
        self.modelListChecksKey = modelListChecksKey
        self.prefersShortPrompts = prefersShortPrompts
        self.isManaged = isManaged
    }
}

/// Where and with which key one call goes.
public struct Endpoint: Sendable {
    /// Without a trailing slash; the dialect appends its path (`/chat/completions`, `/v1/messages`, `/api/chat`).
    public var baseURL: String
    public var key: Secret?
    /// Until the first token; the upstream is abandoned when it passes.
    public var firstTokenTimeout: Duration
    /// For the whole call.
    public var totalTimeout: Duration

    public init(baseURL: String, key: Secret? = nil, firstTokenTimeout: Duration = .seconds(60), totalTimeout: Duration = .seconds(600)) {
        self.baseURL = baseURL
        self.key = key
        self.firstTokenTimeout = firstTokenTimeout
        self.totalTimeout = totalTimeout
    }
}

/// A string that cannot reach a log by accident: every textual form is redacted.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String
    public init(_ value: String) { self.value = value }
    /// The only way to the plaintext; named so that a reader sees each use.
    public func reveal() -> String { value }
    public var description: String { "‹secret›" }
    public var debugDescription: String { "‹secret›" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
