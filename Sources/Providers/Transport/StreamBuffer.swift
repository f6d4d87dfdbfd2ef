import NIOCore
import Synchronization

/// What waits between a task that produces a stream and the one that reads it. The producer is made to wait while the
/// reader is behind, so that a slow reader slows the source down and memory stays bounded.
///
/// ``send(_:)`` itself never waits: whoever reads a source asks for ``room()`` before it reads on. So what waits is
/// at most the limit and what one piece of the source was made into.
public final class StreamBuffer<Element: Sendable>: Sendable {
    private struct State {
        var waiting = CircularBuffer<Element>()
        var cost = 0
        var reader: UnsafeContinuation<Element?, any Error>?
        var producers: [UnsafeContinuation<Void, Never>] = []
        /// Nothing comes any more: all was sent, it failed, or nobody reads.
        var end: Result<Void, any Error>?
        var onAbandon: (@Sendable () -> Void)?

        mutating func takeProducers() -> [UnsafeContinuation<Void, Never>] {
            if producers.isEmpty { return [] }
            defer { producers = [] }
            return producers
        }
    }

    private let state = Mutex(State())
    private let limit: Int
    private let cost: @Sendable (Element) -> Int

    /// - Parameters:
    ///   - limit: from which cost on producers wait.
    ///   - cost: of one element, about the bytes it takes.
    /// - Returns: the buffer for the producer, and what is read of it, once. Reading throws what
    ///   ``finish(throwing:)`` was given; in a task that is cancelled it ends.
    public static func make(
        limit: Int, cost: @escaping @Sendable (Element) -> Int
    ) -> (stream: AsyncThrowingStream<Element, any Error>, buffer: StreamBuffer) {
        let buffer = StreamBuffer(limit: limit, cost: cost)
        let reader = Reader(buffer: buffer)
        return (AsyncThrowingStream { try await reader.buffer.next() }, buffer)
    }

    private init(limit: Int, cost: @escaping @Sendable (Element) -> Int) {
        self.limit = limit
        self.cost = cost
    }

    /// Sees the stream being dropped before its end.
    private final class Reader: Sendable {
        let buffer: StreamBuffer
        init(buffer: StreamBuffer) { self.buffer = buffer }
        deinit { buffer.abandon() }
    }

    /// Whether the reader is behind by the limit or more.
    public var isFull: Bool { state.withLock { $0.end == nil && $0.cost >= limit } }

    /// Whether everything sent so far has been read.
    public var isEmpty: Bool { state.withLock { $0.waiting.isEmpty } }

    /// Called once, when the reader leaves before the end; before it sees an end.
    public func onAbandon(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onAbandon = body } }

    /// Hands an element on. After the end it is dropped.
    public func send(_ element: Element) {
        let reader = state.withLock { state -> UnsafeContinuation<Element?, any Error>? in
            guard state.end == nil else { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            state.waiting.append(element)
            state.cost += cost(element)
            return nil
        }
        reader?.resume(returning: element)
    }

    /// Waits until the reader has caught up, has left, or the calling task is cancelled.
    public func room() async {
        while isFull, !Task.isCancelled {
            await withTaskCancellationHandler {
                await withUnsafeContinuation { continuation in
                    let waits = state.withLock { state in
                        // Asked for again in here: what sets it runs between the lock of the two.
                        guard state.end == nil, state.cost >= limit, !Task.isCancelled else { return false }
                        state.producers.append(continuation)
                        return true
                    }
                    if !waits { continuation.resume() }
                }
            } onCancel: {
                // All of them; those that are not cancelled look again.
                for producer in state.withLock({ $0.takeProducers() }) { producer.resume() }
            }
        }
    }

    /// Hands an element on and waits for room for the next.
    public func put(_ element: Element) async {
        send(element)
        if isFull { await room() }
    }

    /// Ends the stream behind what was sent.
    public func finish(throwing error: (any Error)? = nil) { end(error.map { .failure($0) } ?? .success(()), keepsWaiting: true) }

    private func abandon() {
        let body = state.withLock { state in
            defer { state.onAbandon = nil }
            return state.end == nil ? state.onAbandon : nil
        }
        body?()
        end(.success(()), keepsWaiting: false)
    }

    private func end(_ result: Result<Void, any Error>, keepsWaiting: Bool) {
        let (reader, producers) = state.withLock { state -> (UnsafeContinuation<Element?, any Error>?, [UnsafeContinuation<Void, Never>]) in
            guard state.end == nil else { return (nil, []) }
            state.end = result
            state.onAbandon = nil
            if !keepsWaiting { state.waiting.removeAll() }
            defer { state.reader = nil }
            return (state.reader, state.takeProducers())
        }
        // One that waits has read everything that was sent.
        reader?.resume(with: result.map { nil })
        for producer in producers { producer.resume() }
    }

    private enum Step {
        case element(Element?, [UnsafeContinuation<Void, Never>])
        case failure(any Error)
        case none
    }

    private func next() async throws -> Element? {
        switch take() {
        case .element(let element, let producers):
            for producer in producers { producer.resume() }
            return element
        case .failure(let error): throw error
        case .none: break
        }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                switch take(orWait: continuation) {
                case .element(let element, let producers):
                    for producer in producers { producer.resume() }
                    continuation.resume(returning: element)
                case .failure(let error): continuation.resume(throwing: error)
                case .none: break
                }
            }
        } onCancel: {
            abandon()
        }
    }

    /// The next element, or the end.
    /// - Parameter continuation: kept where there is neither yet.
    private func take(orWait continuation: UnsafeContinuation<Element?, any Error>? = nil) -> Step {
        state.withLock { state in
            if let element = state.waiting.popFirst() {
                state.cost -= cost(element)
                return .element(element, state.cost < limit ? state.takeProducers() : [])
            }
            switch state.end {
            case .success?: return .element(nil, [])
            case .failure(let error)?:
                // Told once.
                state.end = .success(())
                return .failure(error)
            case nil:
                state.reader = continuation
                return .none
            }
        }
    }
}
