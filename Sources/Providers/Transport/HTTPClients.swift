import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Every HTTP client of the program is made here, so that no reply reaches one unguarded: each connection checks the
/// address it led to (``AddressPolicy``) and the replies that come along it (``ReplyGuard``).
public enum HTTPClients {
    private static let guarded = Mutex<[AddressPolicy.Rules: HTTPClient]>([:])

    /// For plain `http`, and for servers that the operator names. Lives as long as the process.
    ///
    /// Plain `http` is spoken by servers close by, and the common ones (cpp-httplib, uvicorn, Node) hang up after five
    /// idle seconds: giving up a second earlier keeps a request from meeting a connection that is being closed.
    public static let plain = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration(idle: .seconds(4)))

    /// The client for `https` under these rules; a process has one or two sets of them. Vendors' connections are worth
    /// keeping for a minute.
    static func client(for rules: AddressPolicy.Rules) -> HTTPClient {
        guarded.withLock { clients in
            if let client = clients[rules] { return client }
            let client = HTTPClient(
                eventLoopGroupProvider: .singleton, configuration: configuration(idle: .seconds(60), rules: rules))
            clients[rules] = client
            return client
        }
    }

    /// No redirects, 10 s to connect, no hidden reconnects, and room for 512 HTTP/1 streams a host (the client's own
    /// default of 8 would queue the ninth user).
    /// - Parameters:
    ///   - idle: how long an unused connection is kept.
    ///   - policy: which addresses a connection may have led to, looked at after the TLS handshake and before anything
    ///     is sent.
    public static func configuration(idle: TimeAmount, guardedBy policy: AddressPolicy = .unrestricted) -> HTTPClient.Configuration {
        configuration(idle: idle, rules: policy.rules)
    }

    private static func configuration(idle: TimeAmount, rules: AddressPolicy.Rules) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.connectionPool = .init(idleTimeout: idle, concurrentHTTP1ConnectionsPerHostSoftLimit: 512)
        configuration.connectionPool.retryConnectionEstablishment = false
        // Spans are made by whoever routes; the client's own, even where nobody listens, cost 2 % of a short request.
        configuration.tracing.tracer = nil
        // One protocol, whose replies are guarded. Over HTTP/2 a reader that lags would hold up the others of its connection.
        configuration.httpVersion = .http1Only
        configuration.http1_1ConnectionDebugInitializer = { channel in
            if let address = channel.remoteAddress.flatMap(bytes), !rules.allows(address) {
                return channel.close().flatMapThrowing { throw ForbiddenAddress() }.flatMapErrorThrowing { _ in throw ForbiddenAddress() }
            }
            do {
                try ReplyGuard.add(to: channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            } catch {
                return channel.close().flatMapThrowing { throw error }.flatMapErrorThrowing { _ in throw error }
            }
        }
        return configuration
    }

    @Sendable private static func bytes(_ address: SocketAddress) -> [UInt8]? {
        switch address {
        case .v4(let v4): withUnsafeBytes(of: v4.address.sin_addr, Array.init)
        case .v6(let v6): withUnsafeBytes(of: v6.address.sin6_addr, Array.init)
        case .unixDomainSocket: nil
        }
    }
}

/// A name has led a connection to an address that the policy does not allow.
struct ForbiddenAddress: Error {}

/// Keeps replies from the client that its state machines cannot take. They end the process on
/// - a body behind a status line below 100, which no server may send and any can;
/// - a connection that is closed behind a whole reply to a request that was still being sent: it is reported as free after
///   it was reported as gone.
final class ReplyGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    /// Interim replies (1xx) before the reply itself. One or two are usual; without a bound they keep a connection busy.
    static let maxInterim = 16

    private var interim = 0
    /// Whether a request has been begun and its end is not written yet.
    private var isSending = false
    private var isClosed = false

    /// Puts a guard between the decoder of a client's new connection and whoever reads from it.
    static func add(to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let decoder = try pipeline.context(handlerType: ByteToMessageHandler<HTTPResponseDecoder>.self)
        try pipeline.addHandler(ReplyGuard(), position: .after(decoder.handler))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // The decoder may have more of the same bytes to hand on while the connection is being closed.
        guard !isClosed else { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        switch head.status.code {
        case 200...599:
            interim = 0
            guard isSending else { return context.fireChannelRead(data) }
            // Such a connection is closed behind the reply, never reported as free.
            head.headers.replaceOrAdd(name: "connection", value: "close")
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case 101: refuse("it switches protocols unasked (101)", context)
        case 100..<200:
            // The client has no use for them.
            interim += 1
            if interim > Self.maxInterim { refuse("more than \(Self.maxInterim) interim replies (1xx)", context) }
        default: refuse("its status \(head.status.code) is not from 100 to 599", context)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head: isSending = true
        case .body: break
        case .end: isSending = false
        }
        context.write(data, promise: promise)
    }

    private func refuse(_ reason: String, _ context: ChannelHandlerContext) {
        isClosed = true
        // The client fails the request with it and closes the connection.
        context.fireErrorCaught(UnusableReply(reason: reason))
    }
}

/// A reply's head is none that HTTP allows.
struct UnusableReply: Error, CustomStringConvertible {
    let reason: String
    var description: String { "the reply is not HTTP as it should be: \(reason)" }
}

extension HTTPClient {
    /// Sends one request and reads the whole reply, all of it within `timeout`: the deadline of the client's own
    /// streaming interface ends with the reply's head.
    /// - Throws: what the client throws; `ResponseAccumulator.ResponseTooBigError` beyond `limit` bytes; `CancellationError`.
    public func reply(to request: HTTPClient.Request, upTo limit: Int, within timeout: TimeAmount) async throws -> HTTPClient.Response {
        let task = execute(request: request, delegate: ResponseAccumulator(request: request, maxBodySize: limit), deadline: .now() + timeout)
        do {
            return try await withTaskCancellationHandler {
                try await task.futureResult.get()
            } onCancel: {
                task.cancel()
            }
        } catch let error as HTTPClientError where error == .cancelled { throw CancellationError() }
    }
}
