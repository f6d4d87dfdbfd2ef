import Domain
import Foundation
import NIOCore

/// A vendor's refusal: what a dialect classifies into a ``ProviderError``.
public struct VendorFailure: Sendable {
    /// The HTTP status; 200 where the error came inside a stream.
    public var status: Int
    public var headers: HTTPFields
    /// The body where it is JSON.
    public var json: JSONValue?
    /// The body as text, at most ``HTTPTransport/maximumErrorBody`` bytes.
    public var text: String

    public init(status: Int, headers: HTTPFields = HTTPFields(), text: String) {
        self.status = status
        self.headers = headers
        self.text = text
        json = try? JSONValue(parsing: text)
    }

    public init(status: Int, headers: HTTPFields = HTTPFields(), json: JSONValue) {
        self.status = status
        self.headers = headers
        self.json = json
        text = json.serialized()
    }

    init(reading reply: WholeReply) {
        let bytes = reply.body.readableBytesView.prefix(HTTPTransport.maximumErrorBody)
        self.init(
            status: reply.status, headers: HTTPFields(reply.headers.fields.lazy.map { ($0.name, $0.value) }),
            text: String(decoding: bytes, as: UTF8.self))
    }

    init(reading reply: UpstreamReply) async throws {
        let bytes = try await reply.prefix(HTTPTransport.maximumErrorBody)
        self.init(status: reply.status, headers: reply.headers, text: String(decoding: bytes.readableBytesView, as: UTF8.self))
    }

    /// The kind that the status alone tells; a dialect refines it with the vendor's own codes.
    public static func kind(status: Int) -> ProviderError.Kind {
        switch status {
        case 401: .authentication
        case 402: .billing
        case 403: .permission
        case 404, 410: .notFound
        case 408, 504: .timeout
        case 429: .rateLimited
        case 503, 529: .overloaded
        case 409, 425, 500...599: .serverError
        case 400..<500: .invalidRequest
        case 300..<400: .invalidRequest
        default: .serverError
        }
    }

    /// The first human sentence in an error body: OpenAI's and Anthropic's `error.message`, a bare
    /// `error`, problem-details (`detail`, `title`), FastAPI's list of `detail`s, else the text.
    public var sentence: String {
        if (300..<400).contains(status) {
            return
                "the server redirects to \(headers["location"] ?? "another address"); redirects are not followed: put the final address in the base URL"
        }
        let error = json?["error"]
        let details = json?["detail"]?.arrayValue?.compactMap { item -> String? in
            guard let message = item["msg"]?.stringValue else { return nil }
            let place = item["loc"]?.arrayValue?.map { $0.stringValue ?? $0.serialized() }.joined(separator: ".")
            return place.map { "\($0): \(message)" } ?? message
        }
        let candidates = [
            error?["message"]?.stringValue, error?.stringValue, json?["detail"]?.stringValue,
            details?.joined(separator: "; "), json?["message"]?.stringValue, json?["title"]?.stringValue,
        ]
        let found = candidates.compactMap { $0 }.first { !$0.isEmpty }
        let fallback = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return found ?? (fallback.isEmpty ? "HTTP \(status) without a body" : fallback)
    }
}
