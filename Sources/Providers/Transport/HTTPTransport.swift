import AsyncHTTPClient
import Domain
import Foundation
import NIOCore

/// How every provider speaks HTTP: JSON out, bytes in, transport errors as ``ProviderError``.
///
/// Redirects are never followed (a redirect would carry the key to another host), and a refused
/// connection fails at once: retrying is the router's business.
public struct HTTPTransport: Sendable {
    /// The largest part of an error body that is read: 64 KiB.
    public static let maximumErrorBody = 64 << 10
    /// The largest reply that is read whole, and the most text of a streamed one: 16 MiB. A reply with vectors may be larger.
    public static let maximumReply = 16 << 20
    /// The most that is read of a stream, which is some 300 bytes for a token: 64 MiB.
    public static let maximumStream = 64 << 20

    let client: HTTPClient
    let plainClient: HTTPClient
    /// Whether the client was given.
    private let isOwn: Bool
    /// Which addresses a base URL may lead to.
    public let policy: AddressPolicy

    /// - Parameters:
    ///   - client: for tests and special needs, one made with ``HTTPClients/configuration(idle:guardedBy:)``; by default
    ///     two that the process shares.
    ///   - policy: checked before every request.
    public init(client: HTTPClient? = nil, policy: AddressPolicy = .unrestricted) {
        self.client = client ?? HTTPClients.client(for: policy.rules)
        plainClient = client ?? HTTPClients.plain
        isOwn = client != nil
        self.policy = policy
    }

    private init(_ other: HTTPTransport, policy: AddressPolicy) {
        client = other.isOwn ? other.client : HTTPClients.client(for: policy.rules)
        plainClient = other.plainClient
        isOwn = other.isOwn
        self.policy = policy
    }

    /// The same connections under another policy.
    public func with(policy: AddressPolicy) -> HTTPTransport { HTTPTransport(self, policy: policy) }

    /// Sends one request and returns when the reply's head is here.
    /// - Throws: ``ProviderError`` (`.connection`, `.timeout`, `.invalidRequest` for an unusable URL,
    ///   `.permission` for an address the policy forbids), `CancellationError`.
    public func open(_ request: UpstreamRequest, provider: String, timeout: Duration) async throws -> UpstreamReply {
        let target = try await policy.target(of: request.url, provider: provider)
        var outgoing = HTTPClientRequest(url: target.url)
        outgoing.method = request.method == .post ? .POST : .GET
        if let host = target.host { outgoing.headers.add(name: "host", value: host) }
        outgoing.headers.add(name: "accept", value: "application/json, text/event-stream, application/x-ndjson")
        outgoing.headers.add(name: "user-agent", value: "atelier")
        for (name, value) in request.headers { outgoing.headers.add(name: name, value: value) }
        if let body = request.body {
            outgoing.headers.add(name: "content-type", value: "application/json")
            outgoing.body = .bytes(body.buffer())
        }
        do {
            let response = try await (target.isPlain ? plainClient : client).execute(outgoing, deadline: .now() + .init(timeout))
            return UpstreamReply(
                status: Int(response.status.code),
                headers: HTTPFields(response.headers.lazy.map { ($0.name, $0.value) }),
                body: .init(bytes: response.body, provider: provider))
        } catch {
            throw TransportFailure.error(error, provider: provider, url: target.origin)
        }
    }

    /// Sends one request and reads the whole reply, all within `timeout`.
    /// - Parameters:
    ///   - limit: bytes of the reply; more is a malformed one.
    ///   - jsonLimits: how much the reply's JSON may hold.
    /// - Throws: as ``open(_:provider:timeout:)``, and what `failure` makes of a status outside 200–299.
    public func json(
        _ request: UpstreamRequest, provider: String, key: Secret?, timeout: Duration, limit: Int = maximumReply,
        jsonLimits: JSONLimits = .standard,
        failure: (VendorFailure) -> ProviderError
    ) async throws -> JSONValue {
        let reply = try await whole(request, provider: provider, timeout: timeout, limit: limit)
        guard (200..<300).contains(reply.status) else { throw failure(VendorFailure(reading: reply)) }
        do {
            return try JSONValue(parsing: reply.body, limits: jsonLimits)
        } catch {
            let start = String(decoding: reply.body.readableBytesView.prefix(200), as: UTF8.self)
            throw ProviderError(
                .malformedReply, provider: provider, status: reply.status, message: "the reply is not JSON: \(Redaction.redact(start, key: key))")
        }
    }
}

extension TimeAmount {
    /// Saturates instead of trapping.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds >= 1_000_000_000 ? .max / 4 : seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
