import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// How long a client may take.
package struct ConnectionTimeouts: Sendable {
    /// From connecting to the first request's head.
    package var firstRequest: TimeAmount
    /// From a reply to the next request's head.
    package var idle: TimeAmount
    /// A body may take this long, and longer as it comes with at least ``bodyRate``.
    package var body: TimeAmount
    /// Bytes a second.
    package var bodyRate: Int64 = 500
    /// After an early reply the rest of the request is read this long, and this many bytes of it, and thrown away.
    package var drain = TimeAmount.seconds(30)
    package var drainBytes: Int
    /// How long a client that has been given its last reply may take to close.
    package var linger = TimeAmount.seconds(2)

    /// - Parameter largestBody: in bytes.
    package init(idle: TimeAmount, largestBody: Int) {
        self.idle = idle
        firstRequest = min(idle, .seconds(30))
        body = min(idle, .seconds(30))
        drainBytes = max(64 << 20, largestBody)
    }
}

/// The body of a request did not come to its end.
package enum RequestBodyError: Error {
    case tooSlow
    /// The client left, or sent what is no HTTP.
    case cut
}

/// Watches over one connection.
///
/// - Sees that its client leaves, for ``ClientConnections/whileConnected(_:on:_:)``.
/// - Ends what only holds it open: no request, half a head, a body that trickles.
/// - Gets an early reply across. Most clients send all of a request before they read, and would wait for ever for a server that has
///   refused it and no longer reads. So the rest is read and thrown away, within bounds, and then the connection is closed: a client
///   that has announced a body and sent none cannot be told from one that is about to.
/// - Tells a client there is no room for that this is so, and one that sends what is no HTTP what is wrong with it.
/// - Says `Connection: close` in the reply to a request that is its client's last, and asks a client for its body that waits for that.
///
/// Lives on the connection's event loop. A request whose body is there with its head costs no timer.
package final class ClientConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    /// Asks a connection without a request to close.
    struct MakeRoom: Sendable {}

    /// Asks a client that waits for it (`Expect: 100-continue`) to send the body.
    package struct AskForBody: Sendable {
        package init() {}
    }

    /// A body on its way.
    private struct Receiving {
        var since: NIODeadline
        var bytes = 0
        /// Since when the server has not read on: that time is not the client's.
        var pausedSince: NIODeadline?
    }

    /// The last reply has been written.
    private struct Ending {
        /// `nil` until the reply has left: how fast a client reads is not looked at here.
        var until: NIODeadline?
        /// Bytes that may still come.
        var bytes: Int
        /// Whether nothing is to come any more.
        var isRead: Bool
        var isFlushed = false
    }

    private let connections: ClientConnections
    private var client: ConnectedClient?
    private var isRefused = false
    private var openedAt = NIODeadline.uptimeNanoseconds(0)
    private var timer: (at: NIODeadline, task: Scheduled<Void>)?

    /// Requests whose head has been read, that have been read to their end, and whose reply is written.
    private var begun = 0, received = 0, answered = 0
    private var receiving: Receiving?
    private var isTooSlow = false
    /// What comes can no longer be told into requests.
    private var isBroken = false
    /// What is wrong with it, until the requests before it have been answered.
    private var refusal: APIError?
    /// The number of the request that its client has called its last.
    private var lastRequest = 0
    /// The reply that is being written has said that it is the last.
    private var repliesLast = false
    private var ending: Ending?

    init(connections: ClientConnections) { self.connections = connections }

    private var timeouts: ConnectionTimeouts { connections.timeouts }
    private var isIdle: Bool { begun == answered }
    private var isReceiving: Bool { begun > received }

    // MARK: opening and closing

    package func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { open(context) } }

    package func channelActive(context: ChannelHandlerContext) {
        open(context)
        context.fireChannelActive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { leave(context) }

    package func channelInactive(context: ChannelHandlerContext) {
        // Else whoever reads the body takes what came of it for all of it.
        if isReceiving { context.fireErrorCaught(RequestBodyError.cut) }
        leave(context)
        context.fireChannelInactive()
    }

    private func open(_ context: ChannelHandlerContext) {
        guard client == nil, !isRefused else { return }
        openedAt = context.eventLoop.now
        switch connections.opened(context.channel, at: openedAt) {
        case .admitted(let client):
            self.client = client
            arm(context, at: openedAt + timeouts.firstRequest)
        case .refused(let lingers):
            if lingers { isRefused = true }
            refuse(context, lingers: lingers)
        }
    }

    private func leave(_ context: ChannelHandlerContext) {
        timer?.task.cancel()
        timer = nil
        client?.left()
        client = nil
        connections.closed(context.channel)
        if isRefused {
            isRefused = false
            connections.refusalEnded()
        }
    }

    private func refuse(_ context: ChannelHandlerContext, lingers: Bool) {
        guard lingers else { return context.close(promise: nil) }
        reply(.noRoom, context)
    }

    /// The connection's last reply, to what never was a request.
    private func reply(_ refusal: APIError, _ context: ChannelHandlerContext) {
        let body = ByteBuffer(bytes: refusal.body)
        var head = refusal.response().head
        head.headerFields[.contentLength] = String(body.readableBytes)
        head.headerFields[.connection] = "close"
        // Its request is on its way: a connection that is closed with something unread loses what was written on it.
        end(context, within: timeouts.linger, isRead: false)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: flushed(context, nil))
    }

    // MARK: reading

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard ending == nil else { return discard(part, context) }
        switch part {
        case .head(let head):
            begun += 1
            if head.headerFields[.connection] == "close" { lastRequest = begun }
            client?.idleSince = nil
        case .body(let buffer): receiving?.bytes += buffer.readableBytes
        case .end:
            received += 1
            receiving = nil
        }
        context.fireChannelRead(data)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if isReceiving, ending == nil, !isTooSlow {
            let now = context.eventLoop.now
            if receiving == nil {
                receiving = Receiving(since: now)
                arm(context, at: now + timeouts.body)
            }
            receiving?.pausedSince = now
        }
        context.fireChannelReadComplete()
        // Whoever reads requests may have stopped.
        if ending != nil { context.read() }
    }

    package func read(context: ChannelHandlerContext) {
        if var body = receiving, let paused = body.pausedSince {
            body.since = body.since + (context.eventLoop.now - paused)
            body.pausedSince = nil
            receiving = body
        }
        context.read()
    }

    private func discard(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head: break
        case .body(let buffer):
            ending?.bytes -= buffer.readableBytes
            if let ending, ending.bytes < 0 { context.close(promise: nil) }
        case .end:
            ending?.isRead = true
            closeWhenEnded(context)
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is MakeRoom {
            guard let client else { return }
            if isIdle, ending == nil { context.close(promise: nil) } else { connections.stays(client) }
            return
        }
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            client?.left()
            ending?.isRead = true
            closeWhenEnded(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isBroken = true
        // Whoever reads the body has no better word for a chunk that is none than for a client that left.
        if isReceiving { return context.fireErrorCaught(RequestBodyError.cut) }
        // What is wrong has been told, or the last request has come: the rest is thrown away.
        if refusal != nil || ending != nil || lastRequest > 0 { return }
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        refusal = APIError(error)
        refuseWhenIdle(context)
    }

    /// Replies to what is no request, once the requests before it have their replies.
    private func refuseWhenIdle(_ context: ChannelHandlerContext) {
        if let refusal, isIdle, ending == nil, context.channel.isActive { reply(refusal, context) }
    }

    // MARK: writing

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            // Whether the request it answers is still coming, or was the client's last.
            guard answered == received ? isReceiving : lastRequest == answered + 1, head.status.kind != .informational, ending == nil else { break }
            repliesLast = answered == received
            var last = head
            last.headerFields[.connection] = "close"
            return context.write(wrapOutboundOut(.head(last)), promise: promise)
        case .body: break
        case .end:
            answered += 1
            if repliesLast, ending == nil {
                end(context, within: isTooSlow || isBroken ? timeouts.linger : timeouts.drain, isRead: !isReceiving)
                return context.write(data, promise: flushed(context, promise))
            }
            if refusal != nil, isIdle {
                context.write(data, promise: promise)
                return refuseWhenIdle(context)
            }
            if isIdle, let client {
                let now = context.eventLoop.now
                client.idleSince = now
                arm(context, at: now + timeouts.idle)
            }
        }
        context.write(data, promise: promise)
    }

    package func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is AskForBody else { return context.triggerUserOutboundEvent(event, promise: promise) }
        // Not where it is being sent already, or no longer wanted.
        if isReceiving, answered == received, (receiving?.bytes ?? 0) == 0, !repliesLast, ending == nil {
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        promise?.succeed()
    }

    /// The server closes its side: after a reply to a request that wanted it, or to what was no request.
    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output, ending == nil else { return context.close(mode: mode, promise: promise) }
        end(context, within: nil, isRead: !isReceiving && !isBroken)
        context.close(mode: mode, promise: flushed(context, promise))
    }

    private func end(_ context: ChannelHandlerContext, within time: TimeAmount?, isRead: Bool) {
        let deadline = time.map { context.eventLoop.now + $0 }
        ending = Ending(until: deadline, bytes: timeouts.drainBytes, isRead: isRead)
        receiving = nil
        client?.idleSince = nil
        if let deadline { arm(context, at: deadline) }
        context.read()
    }

    /// Notes that what is written with the promise has left.
    private func flushed(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) -> EventLoopPromise<Void> {
        let promise = promise ?? context.eventLoop.makePromise()
        promise.futureResult.assumeIsolated().whenComplete { _ in
            guard self.ending != nil, context.channel.isActive else { return }
            self.ending?.isFlushed = true
            if self.ending?.until == nil {
                let deadline = context.eventLoop.now + self.timeouts.linger
                self.ending?.until = deadline
                self.arm(context, at: deadline)
            }
            self.closeWhenEnded(context)
        }
        return promise
    }

    private func closeWhenEnded(_ context: ChannelHandlerContext) {
        if let ending, ending.isRead, ending.isFlushed { context.close(promise: nil) }
    }

    // MARK: time

    /// Sees to it that the time is looked at by then.
    private func arm(_ context: ChannelHandlerContext, at deadline: NIODeadline) {
        if let timer {
            if timer.at <= deadline { return }
            timer.task.cancel()
        }
        timer = (
            deadline,
            context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                self.timer = nil
                self.look(context)
            }
        )
    }

    private func look(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, let deadline = deadline(context.eventLoop.now) else { return }
        if context.eventLoop.now < deadline { return arm(context, at: deadline) }
        guard receiving != nil else { return context.close(promise: nil) }
        // Whoever reads the body hears of it, and replies.
        receiving = nil
        isTooSlow = true
        context.fireErrorCaught(RequestBodyError.tooSlow)
    }

    /// Until when the client has time; `nil` while it waits for the server.
    private func deadline(_ now: NIODeadline) -> NIODeadline? {
        if let ending { return ending.until }
        if let receiving {
            if receiving.pausedSince != nil { return now + timeouts.body }
            return receiving.since + timeouts.body + .seconds(Int64(receiving.bytes) / timeouts.bodyRate)
        }
        guard isIdle else { return nil }
        if begun == 0 { return openedAt + timeouts.firstRequest }
        return client?.idleSince.map { $0 + timeouts.idle }
    }
}

extension APIError {
    static let noRoom = APIError(
        status: .serviceUnavailable, code: "too_many_connections", message: "this server has too many connections, or too many from your address",
        details: [.init(hint: "close connections you do not use, and try again")], retryAfter: 2)

    /// What is no HTTP.
    init(_ error: HTTPParserError) {
        switch error {
        case .invalidMethod:
            let methods = ["DELETE", "GET", "POST", "PUT"]
            self = .methodNotAllowed(methods)
            message = "the method is not known here; paths take \(methods.joined(separator: ", "))"
        case .headerOverflow:
            self.init(
                status: .requestHeaderFieldsTooLarge, code: "header_too_large", message: "the request's head is larger than 80 KiB",
                details: [.init(hint: "leave out header fields, or send shorter ones")])
        case .invalidVersion:
            self.init(
                status: .httpVersionNotSupported, code: "version_not_supported",
                message: "the request is of a version of HTTP that is not known here",
                details: [.init(hint: "send HTTP/1.1")])
        default:
            self = .badRequest(
                "what was sent is no HTTP request: \(error)", code: "invalid_http",
                hint: "look at the request line, the header fields, and how the body's length is said")
        }
    }

    static let bodyTooSlow = APIError(
        status: .requestTimeout, code: "body_too_slow", message: "the request's body came too slowly",
        details: [.init(hint: "send it without pauses, on a better connection, or in smaller parts")])

    static let bodyCut = APIError(status: .badRequest, code: "body_cut", message: "the request's body does not come to an end that HTTP knows")
}
