import AsyncHTTPClient
import Foundation
import Knowledge
import NIOCore
import Providers

/// Speaks with a ChromaDB server.
package struct ChromaExchange: HTTPExchange {
    let base: String
    /// Of one request, connecting included.
    let timeout: TimeAmount

    package init(base: String, timeout: TimeAmount = .seconds(30)) {
        self.base = base
        self.timeout = timeout
    }

    package func send(method: String, path: String, body: Data?) async throws -> (status: Int, body: Data) {
        var request = HTTPClientRequest(url: UpstreamRequest.join(base, path))
        request.method = .init(rawValue: method)
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let response = try await HTTPTransport.sharedPlain.execute(request, deadline: .now() + timeout)
        let buffer = try await response.body.collect(upTo: 64 << 20)
        return (Int(response.status.code), Data(buffer.readableBytesView))
    }
}
