import AsyncHTTPClient
import Domain
import NIOCore
import NIOHTTP1

extension HTTPTransport {
    /// Sends one request and reads the whole reply, all within `timeout`.
    ///
    /// - Parameter isCut: what is beyond `limit` is left unread, instead of being an error.
    ///
    /// Goes through the client's delegate interface: its deadline covers the body, which that of the
    /// streaming interface does not, so that no timer task has to run beside the call.
    /// - Throws: ``ProviderError`` (as ``open(_:provider:timeout:)``; `.cutStream` where the body breaks
    ///   off, `.malformedReply` beyond `limit` bytes), `CancellationError`.
    func whole(_ request: UpstreamRequest, provider: String, timeout: Duration, limit: Int = maximumReply, isCut: Bool = false) async throws
        -> WholeReply
    {
        try Task.checkCancellation()
        let target = try await policy.target(of: request.url, provider: provider)
        let collector = WholeReplyCollector(limit: limit, isCut: isCut)
        do {
            let outgoing = try request.outgoing(to: target)
            let task = (target.isPlain ? plainClient : client).execute(
                request: outgoing, delegate: collector, deadline: .now() + .init(timeout))
            return try await withTaskCancellationHandler {
                try await task.futureResult.get()
            } onCancel: {
                task.cancel()
            }
        } catch {
            return try Self.recover(
                from: error, collected: collector.collected, provider: provider, timeout: timeout, limit: limit, origin: target.origin)
        }
    }

    /// Sends one request to somebody who answers by the status alone. What the reply says is not kept, and no more than
    /// the start of it is waited for.
    /// - Throws: as ``open(_:provider:timeout:)``.
    public func status(_ request: UpstreamRequest, provider: String, timeout: Duration) async throws -> Int {
        try await whole(request, provider: provider, timeout: timeout, limit: 2048, isCut: true).status
    }

    /// What is to be said of a call that failed with `error` after `collected` had arrived.
    private static func recover(
        from error: any Error, collected: WholeReply?, provider: String, timeout: Duration, limit: Int, origin: String
    ) throws -> WholeReply {
        if case .enough? = error as? WholeReplyCollector.Stop, let collected { return collected }
        if error is WholeReplyCollector.Stop { throw ProviderError.tooLarge(limit, provider: provider, status: collected?.status) }
        if let error = error as? HTTPClientError, error == .deadlineExceeded, collected != nil {
            throw ProviderError(.timeout, provider: provider, message: "not finished within \(timeout)")
        }
        let error = TransportFailure.error(error, provider: provider, url: origin)
        // As with a stream: a reply of which something has come is cut, one of which nothing has is not there.
        if let failure = error as? ProviderError, failure.kind == .connection, let collected, collected.body.readableBytes > 0,
            (200..<300).contains(collected.status)
        {
            throw ProviderError(.cutStream, provider: provider, status: collected.status, message: "the reply broke off: \(failure.message)")
        }
        throw error
    }
}

extension ProviderError {
    /// A reply that goes on beyond `limit` bytes.
    static func tooLarge(_ limit: Int, provider: String, status: Int?) -> ProviderError {
        ProviderError(.malformedReply, provider: provider, status: status, message: "the reply is larger than \(limit >> 20) MiB")
    }
}

extension UpstreamRequest {
    /// The request as the client's delegate interface takes it.
    fileprivate func outgoing(to target: AddressPolicy.Target) throws -> HTTPClient.Request {
        var fields = HTTPHeaders()
        fields.reserveCapacity(headers.count + 4)
        if let host = target.host { fields.add(name: "host", value: host) }
        fields.add(name: "accept", value: "application/json, text/event-stream, application/x-ndjson")
        fields.add(name: "user-agent", value: "atelier")
        for (name, value) in headers { fields.add(name: name, value: value) }
        if body != nil { fields.add(name: "content-type", value: "application/json") }
        let method: HTTPMethod = method == .post ? .POST : .GET
        let body = body.map { HTTPClient.Body.byteBuffer($0.buffer()) }
        guard let parsed = target.parsed else { return try HTTPClient.Request(url: target.url, method: method, headers: fields, body: body) }
        return try HTTPClient.Request(url: parsed, method: method, headers: fields, body: body)
    }
}
