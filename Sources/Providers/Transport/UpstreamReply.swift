import AsyncHTTPClient
import NIOCore

/// A vendor's reply whose body is still on its way. Dropping the body, or cancelling the task that
/// reads it, closes the upstream connection.
public struct UpstreamReply: Sendable {
    public var status: Int
    public var headers: HTTPFields
    public var body: Body

    /// The body's bytes as they arrive; can be read once. Throws ``ProviderError`` of kind
    /// `.connection` or `.timeout`, or `CancellationError`.
    public struct Body: AsyncSequence, Sendable {
        public typealias Element = ByteBuffer
        let bytes: HTTPClientResponse.Body
        let provider: String

        public func makeAsyncIterator() -> Iterator {
            Iterator(bytes: bytes.makeAsyncIterator(), provider: provider)
        }

        public struct Iterator: AsyncIteratorProtocol {
            var bytes: HTTPClientResponse.Body.AsyncIterator
            let provider: String

            public mutating func next() async throws -> ByteBuffer? {
                do {
                    let buffer = try await bytes.next()
                    // A cancelled read may end without an error; it must not look like the reply's end.
                    if buffer == nil { try Task.checkCancellation() }
                    return buffer
                } catch {
                    throw TransportFailure.error(error, provider: provider, url: nil)
                }
            }
        }
    }

    /// Reads the body up to `limit` bytes. What is beyond is left unread and the connection closed.
    public func prefix(_ limit: Int) async throws -> ByteBuffer {
        var collected = ByteBuffer()
        for try await var buffer in body {
            if let part = buffer.readSlice(length: Swift.min(limit - collected.readableBytes, buffer.readableBytes)) {
                collected.writeImmutableBuffer(part)
            }
            if collected.readableBytes >= limit { break }
        }
        return collected
    }
}
