import AsyncHTTPClient
import Foundation
import Knowledge
import NIOCore
import Providers

/// Speaks with a ChromaDB server.
package struct ChromaExchange: HTTPExchange {
    let base: String
    /// Of one request, connecting and the reply included.
    let timeout: TimeAmount

    package init(base: String, timeout: TimeAmount = .seconds(30)) {
        self.base = base
        self.timeout = timeout
    }

    package func send(method: String, path: String, body: Data?) async throws -> (status: Int, body: Data) {
        let request = try HTTPClient.Request(
            url: UpstreamRequest.join(base, path), method: .init(rawValue: method), headers: body == nil ? [:] : ["content-type": "application/json"],
            body: body.map { .data($0) })
        let reply = try await HTTPClients.plain.reply(to: request, upTo: HTTPTransport.maximumReply, within: timeout)
        return (Int(reply.status.code), reply.body.map { Data($0.readableBytesView) } ?? Data())
    }
}
