import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Translates between HTTP/1 as it is parsed and the types the server works with, and heeds what only the version tells.
///
/// - A request of HTTP/1.0 is the last of its connection. Its reply is of HTTP/1.0 too: without chunks, it ends with the connection.
///   It may lack `Host`, which then counts as empty, and knows no `Expect`.
/// - An empty `Host` is none: it names nobody.
/// - A target that names its host (`GET http://name/path`) is meant for that host, whatever `Host` says, as RFC 9112 has it in 3.2.2.
/// - Whatever way a client says that a request is its last, the server reads `Connection: close`.
package final class HTTP1Codec: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    /// Requests whose head has been read, and replies that have been written.
    private var read = 0, answered = 0
    /// Which of them is of HTTP/1.0.
    private var old: Int?

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(var head):
            read += 1
            let isOld = head.version.minor == 0
            if let host = head.headers.first(name: "Host"), host.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { head.headers.remove(name: "Host") }
            if isOld {
                old = old ?? read
                head.headers.remove(name: "Expect")
                if !head.headers.contains(name: "Host") { head.headers.add(name: "Host", value: "") }
            }
            do {
                var request = try HTTPRequest(head, secure: false, splitCookie: false)
                if !head.uri.hasPrefix("/"), request.authority != nil, let named = Self.authority(ofTarget: head.uri) {
                    // One that names nobody is as good as no host at all.
                    request.authority = named.isEmpty ? nil : named
                }
                if isOld || !head.isKeepAlive { request.headerFields[.connection] = "close" }
                context.fireChannelRead(wrapInboundOut(.head(request)))
            } catch {
                context.fireErrorCaught(error)
            }
        case .body(let body): context.fireChannelRead(wrapInboundOut(.body(body)))
        case .end(let trailers): context.fireChannelRead(wrapInboundOut(.end(trailers.map { HTTPFields($0, splitCookie: false) })))
        }
    }

    /// Whom a target names that begins with a scheme: nobody is an empty text; `nil` where it has none, as `*` and a path.
    package static func authority(ofTarget target: String) -> String? {
        guard let colon = target.firstIndex(of: ":"),
            target[..<colon].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) })
        else { return nil }
        let rest = target[target.index(after: colon)...]
        guard rest.hasPrefix("//") else { return nil }
        return String(rest.dropFirst(2).prefix { !"/?#\\".contains($0) })
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let response):
            var head = HTTPResponseHead(response)
            if let old, answered + 1 == old { head.version = .http1_0 }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let body): context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: promise)
        case .end(let trailers):
            answered += 1
            context.write(wrapOutboundOut(.end(trailers.map(HTTPHeaders.init))), promise: promise)
        }
    }
}
