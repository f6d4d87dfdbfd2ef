import Foundation
import HTTPTypes
import Hummingbird
import Providers
import Store

/// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
///
/// What a client has not taken yet is bounded: whoever sends waits with it. One that takes nothing for long is cut by
/// ``SlowClientHandler``.
enum ServerSentEvents {
    /// Hands a frame on and waits until there is room for the next.
    typealias Send = @Sendable (ByteBuffer) async -> Void

    static func frame(id: String? = nil, event: String? = nil, data: String) -> ByteBuffer {
        var text = ""
        if let id { text += "id: \(id)\n" }
        if let event { text += "event: \(event)\n" }
        for line in data.split(separator: "\n", omittingEmptySubsequences: false) { text += "data: \(line)\n" }
        return ByteBuffer(string: text + "\n")
    }

    /// As ``response(_:)``, but not begun before the first frame, or a comment after a while: what fails until
    /// then is thrown, and gets a status of its own.
    /// - Parameters:
    ///   - wait: how long it may take, beside what the first frame itself takes.
    ///   - isProgress: tells frames that are held back until another one begins the stream.
    ///   - failure: the stream's last frame where it fails later.
    ///   - produce: throws what it cannot do, and sends no frame about it.
    static func reply(
        within wait: Duration = .zero, holding isProgress: (ByteBuffer) -> Bool = { _ in false },
        failure: @escaping @Sendable (any Error) -> ByteBuffer,
        _ produce: @Sendable @escaping (_ send: @escaping Send) async throws -> Void
    ) async throws -> Response {
        let outlet = Outlet(firstComment: wait + commentEvery, produce)
        var first = ByteBuffer()
        do {
            var iterator = outlet.frames.makeAsyncIterator()
            var isHeld = true
            while isHeld {
                guard var frame = try await iterator.next() else { throw CancellationError() }
                isHeld = isProgress(frame)
                // Mostly there is one, which needs no copy.
                if first.readableBytes == 0 { first = frame } else { first.writeBuffer(&frame) }
            }
        } catch {
            outlet.close()
            throw error
        }
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { [first] writer in
                defer { outlet.close() }
                do {
                    try await writer.write(first)
                    for try await frame in outlet.frames { try await writer.write(frame) }
                } catch let error where !(error is CancellationError) && !Task.isCancelled {
                    try await writer.write(failure(error))
                }
                // A reply that is cut must not end like a whole one.
                try Task.checkCancellation()
                try await writer.finish(nil)
            })
    }

    private static let headers: HTTPFields = [
        .contentType: "text/event-stream", .cacheControl: "no-store", .init("X-Accel-Buffering")!: "no",
    ]

    private static let commentEvery = Duration.seconds(2)
    private static let comment = ByteBuffer(string: ": still here\n\n")

    /// A stream for a person. It ends when the session does by which it was asked for, with a last event `error` that says so.
    static func response(
        session token: String, of user: String, _ accounts: Accounts,
        _ produce: @Sendable @escaping (_ send: @escaping Send) async throws -> Void
    ) -> Response {
        response { send in
            do { try await accounts.whileOpen(token, of: user) { try await produce(send) } } catch let error as SessionEnded {
                await send(frame(event: "error", data: String(decoding: APIError(error).body, as: UTF8.self)))
            }
        }
    }

    /// Streams what `produce` sends. A comment goes out every 2 s: it keeps proxies from giving up on
    /// a quiet stream, and it is how a client that left is noticed while nothing else is sent. Then
    /// `produce` is cancelled.
    static func response(_ produce: @Sendable @escaping (_ send: @escaping Send) async throws -> Void) -> Response {
        // The body is written when the request's own task is over.
        let caller = NameLookups.user
        return Response(
            status: .ok,
            headers: headers,
            body: ResponseBody { writer in
                let outlet = NameLookups.$user.withValue(caller) { Outlet(produce) }
                defer { outlet.close() }
                for try await frame in outlet.frames { try await writer.write(frame) }
                // A reply that is cut must not end like a whole one.
                try Task.checkCancellation()
                try await writer.finish(nil)
            })
    }

    /// The frames on their way to one client, who takes them one by one.
    private struct Outlet: Sendable {
        let frames: AsyncThrowingStream<ByteBuffer, any Error>
        private let producer: Task<Void, Never>
        private let ticker: Task<Void, any Error>

        init(firstComment: Duration = commentEvery, _ produce: @Sendable @escaping (_ send: @escaping Send) async throws -> Void) {
            let (frames, buffer) = StreamBuffer<ByteBuffer>.make(limit: 128 << 10) { 64 + $0.readableBytes }
            let producer = Task {
                do {
                    try await produce { await buffer.put($0) }
                    buffer.finish()
                } catch { buffer.finish(throwing: error) }
            }
            let ticker = Task {
                var wait = firstComment
                while true {
                    try await Task.sleep(for: wait)
                    wait = commentEvery
                    // A client that has not taken what there is needs no sign of life.
                    if buffer.isEmpty { buffer.send(comment) }
                }
            }
            // Also where nobody ever reads the body, because the client left before it.
            buffer.onAbandon {
                producer.cancel()
                ticker.cancel()
            }
            (self.frames, self.producer, self.ticker) = (frames, producer, ticker)
        }

        func close() {
            producer.cancel()
            ticker.cancel()
        }
    }
}
