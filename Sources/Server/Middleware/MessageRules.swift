import HTTPTypes
import Hummingbird
import NIOCore

/// What HTTP asks of every request, whatever it is for.
enum MessageRules {
    /// The first is the request's authority.
    private static let secondHost = HTTPField.Name("Host")!

    /// - Throws: ``APIError``, before anything of the body has been read.
    static func check(_ request: Request) throws {
        guard request.head.authority != nil else {
            throw APIError.badRequest(
                "the request has no Host header, or an empty one", code: "missing_host", hint: "HTTP/1.1 asks for one in every request")
        }
        guard request.headers[Self.secondHost] == nil else {
            throw APIError.badRequest("the request has more than one Host header", code: "doubled_host", hint: "send it once")
        }
        if let coding = request.headers[.transferEncoding], coding.lowercased() != "chunked" {
            throw APIError.badRequest(
                "the transfer encoding \"\(coding.shortened(to: 40))\" is not known here", code: "unsupported_transfer_encoding",
                hint: "send the body as it is, with its Content-Length or in chunks")
        }
        if let coding = request.headers[.contentEncoding], !coding.isEmpty, coding.lowercased() != "identity" {
            var refusal = APIError(
                status: .unsupportedMediaType, code: "unsupported_content_encoding",
                message: "the body is encoded with \"\(coding.shortened(to: 40))\", which is not decoded here",
                details: [.init(field: "Content-Encoding", hint: "send the body as it is, without Content-Encoding")])
            refusal.headers = [("Accept-Encoding", "identity")]
            throw refusal
        }
    }

    /// The request, which asks its client for the body once somebody reads it, where the client waits for that (`Expect: 100-continue`).
    /// - Throws: ``APIError`` where the client expects something else.
    static func heedingExpectation(_ request: Request, _ channel: any Channel) throws -> Request {
        guard let expected = request.headers[.expect] else { return request }
        guard expected.lowercased() == "100-continue" else {
            throw APIError(
                status: .expectationFailed, code: "unknown_expectation",
                message: "the expectation \"\(expected.shortened(to: 40))\" is not known here",
                details: [.init(field: "Expect", hint: "send 100-continue, or nothing")])
        }
        var request = request
        request.body = RequestBody(asyncSequence: AwaitedBody(body: request.body, channel: channel))
        return request
    }
}

/// A body whose client waits to be asked for it.
private struct AwaitedBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let body: RequestBody
    let channel: any Channel

    struct AsyncIterator: AsyncIteratorProtocol {
        var iterator: RequestBody.AsyncIterator
        /// `nil` once it has been asked for.
        var channel: (any Channel)?

        mutating func next() async throws -> ByteBuffer? {
            channel?.triggerUserOutboundEvent(ClientConnectionHandler.AskForBody(), promise: nil)
            channel = nil
            return try await iterator.next()
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(iterator: body.makeAsyncIterator(), channel: channel) }
}
