import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// Collects one reply on the client's event loop, so that the calling task is woken once, at the end.
final class WholeReplyCollector: HTTPClientResponseDelegate {
    /// Why collecting ends before the reply does.
    enum Stop: Error {
        /// The body is longer than anybody reads.
        case enough
        case tooLarge
    }

    private struct State {
        var reply: WholeReply?
    }

    private let state = Mutex(State())
    /// Bytes of the body.
    private let limit: Int
    /// Whether the reply is whole enough at the limit.
    private let isCut: Bool

    init(limit: Int, isCut: Bool) {
        self.limit = limit
        self.isCut = isCut
    }

    /// What has arrived so far; `nil` before the head.
    var collected: WholeReply? { state.withLock { $0.reply } }

    func didReceiveHead(task: HTTPClient.Task<WholeReply>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        state.withLock {
            $0.reply = WholeReply(status: Int(head.status.code), headers: WholeReply.Headers(fields: head.headers), body: ByteBuffer())
        }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<WholeReply>, _ part: ByteBuffer) -> EventLoopFuture<Void> {
        let stop: Stop? = state.withLock { state in
            guard var reply = state.reply else { return nil }
            state.reply = nil  // The body is held once while it is written to.
            defer { state.reply = reply }
            guard reply.body.readableBytes + part.readableBytes <= limit else { return isCut ? .enough : .tooLarge }
            if reply.body.readableBytes == 0 { reply.body = part } else { reply.body.writeImmutableBuffer(part) }
            let isRefusal = !(200..<300).contains(reply.status)
            return isRefusal && reply.body.readableBytes >= HTTPTransport.maximumErrorBody ? .enough : nil
        }
        return stop.map { task.eventLoop.makeFailedFuture($0) } ?? task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<WholeReply>) throws -> WholeReply {
        guard let reply = collected else { throw HTTPClientError.remoteConnectionClosed }
        return reply
    }
}
