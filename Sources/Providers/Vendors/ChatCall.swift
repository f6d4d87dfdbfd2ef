import Domain
import Synchronization

/// One chat call from request to last event: the part that every dialect shares. Two clocks run
/// beside it: until the first token (streamed calls only) and for the whole call.
struct ChatCall: Sendable {
    let transport: HTTPTransport
    let provider: String
    let endpoint: Endpoint
    let streamed: Bool
    /// Builds the request; what it throws becomes the stream's error.
    let request: @Sendable () throws -> UpstreamRequest
    /// The decoder for a reply of this media type.
    let decoder: @Sendable (_ mediaType: String?) -> any ReplyDecoder
    let failure: @Sendable (VendorFailure) -> ProviderError

    /// How long the connection may linger after the vendor's end mark before it is closed instead
    /// of being kept for the next call.
    private static let linger = Duration.milliseconds(500)

    func events() -> AsyncThrowingStream<ChatEvent, any Error> {
        let (stream, buffer) = ChatEvent.stream()
        let task = Task {
            do {
                try await run(into: buffer)
                buffer.finish()
            } catch {
                buffer.finish(throwing: error)
            }
        }
        // One that has ended leaves the task to read the connection to its end, for reuse.
        buffer.onAbandon { task.cancel() }
        return stream
    }

    /// The whole reply's events, without a stream in between: one call of the transport and one pass
    /// over its bytes. Errors are those of ``events()``.
    func whole() async throws -> [ChatEvent] {
        let reply = try await transport.whole(request(), provider: provider, timeout: endpoint.totalTimeout)
        guard (200..<300).contains(reply.status) else { throw failure(VendorFailure(reading: reply)) }
        var decoder = decoder(reply.headers.mediaType)
        var events: [ChatEvent] = []
        do { try decoder.push(reply.body, into: &events) } catch let error as OverlongLine { throw error.asReply(provider) }
        if !decoder.isComplete { try decoder.finish(into: &events) }
        return events
    }

    private func run(into buffer: StreamBuffer<ChatEvent>) async throws {
        let firstToken = Flag()
        let (done, markDone) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pump(into: buffer, firstToken: firstToken, markDone: markDone) }
            group.addTask {
                if streamed, endpoint.firstTokenTimeout < endpoint.totalTimeout {
                    try await Task.sleep(for: endpoint.firstTokenTimeout)
                    guard firstToken.isSet else {
                        throw ProviderError(.timeout, provider: provider, message: "no token within \(endpoint.firstTokenTimeout)")
                    }
                    try await Task.sleep(for: endpoint.totalTimeout - endpoint.firstTokenTimeout)
                } else {
                    try await Task.sleep(for: endpoint.totalTimeout)
                }
                // It was the reader who did not keep up: nothing to hold against the vendor.
                if buffer.isFull { throw CancellationError() }
                throw ProviderError(.timeout, provider: provider, message: "not finished within \(endpoint.totalTimeout)")
            }
            group.addTask {
                for await _ in done { break }
                try await Task.sleep(for: Self.linger)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func pump(
        into stream: StreamBuffer<ChatEvent>, firstToken: Flag, markDone: AsyncStream<Void>.Continuation
    ) async throws {
        let reply = try await transport.open(request(), provider: provider, timeout: endpoint.totalTimeout)
        guard (200..<300).contains(reply.status) else { throw failure(try await VendorFailure(reading: reply)) }
        var decoder = decoder(reply.headers.mediaType)
        var (received, text) = (0, 0)

        func emit(_ step: (inout [ChatEvent]) throws -> Void) throws {
            var events: [ChatEvent] = []
            defer {
                for event in events {
                    if event.isToken { firstToken.set() }
                    text += event.length
                    stream.send(event)
                }
            }
            try step(&events)
        }

        var bytes = reply.body.makeAsyncIterator()
        do {
            // What has not been read is not asked for: the vendor waits with the reader.
            while let buffer = try await bytes.next() {
                received += buffer.readableBytes
                let limit = HTTPTransport.maximumStream
                guard received <= limit else { throw ProviderError.tooLarge(limit, provider: provider, status: reply.status) }
                try emit { try decoder.push(buffer, into: &$0) }
                // Somebody collects it.
                if text > HTTPTransport.maximumReply {
                    throw ProviderError.tooLarge(HTTPTransport.maximumReply, provider: provider, status: reply.status)
                }
                if decoder.isComplete { break }
                if stream.isFull { await stream.room() }
            }
        } catch let error as OverlongLine {
            throw error.asReply(provider)
        } catch let error as ProviderError where error.kind == .connection {
            if decoder.hasFinishReason { return try emit { try decoder.finish(into: &$0) } }
            guard received > 0 else { throw error }
            throw ProviderError(.cutStream, provider: provider, status: reply.status, message: "the reply broke off: \(error.message)")
        }
        guard decoder.isComplete else { return try emit { try decoder.finish(into: &$0) } }
        stream.finish()
        markDone.finish()
        while try await bytes.next() != nil {}
    }
}

/// A flag that is set once.
final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
