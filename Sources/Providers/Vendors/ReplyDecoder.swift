import Domain
import NIOCore

/// Turns a reply's bytes into events: pure, one per call, the same events however the bytes are split.
public protocol ReplyDecoder: Sendable {
    /// Reads some bytes; events already complete are appended even when it then throws.
    /// - Throws: ``ProviderError`` for an error inside the stream or a reply that makes no sense; ``OverlongLine``.
    mutating func push(_ bytes: ByteBuffer, into events: inout [ChatEvent]) throws

    /// The bytes have ended.
    /// - Throws: ``ProviderError`` of kind `.cutStream` where the reply is not whole.
    mutating func finish(into events: inout [ChatEvent]) throws

    /// Everything up to the vendor's own end mark has been read; `.finish` has been appended.
    var isComplete: Bool { get }

    /// The vendor has said why it stopped: nothing the model wrote is missing any more, so a
    /// connection that breaks now loses at most a usage record.
    var hasFinishReason: Bool { get }
}
