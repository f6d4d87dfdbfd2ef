import Domain
import NIOCore

/// Decoder of a reply that comes as one JSON document.
struct WholeReplyDecoder: ReplyDecoder {
    let provider: String
    /// Taken out of error messages.
    let key: Secret?
    /// The dialect's reading of the document.
    let events: @Sendable (JSONValue) throws -> [ChatEvent]
    private var collected = ByteBuffer()
    private(set) var isComplete = false
    var hasFinishReason: Bool { isComplete }

    init(provider: String, key: Secret?, events: @escaping @Sendable (JSONValue) throws -> [ChatEvent]) {
        self.provider = provider
        self.key = key
        self.events = events
    }

    mutating func push(_ bytes: ByteBuffer, into events: inout [ChatEvent]) throws {
        // Mostly there is one piece, which needs no copy.
        if collected.readableBytes == 0 { collected = bytes } else { collected.writeImmutableBuffer(bytes) }
    }

    mutating func finish(into events: inout [ChatEvent]) throws {
        guard collected.readableBytes > 0 else {
            throw ProviderError(.cutStream, provider: provider, status: 200, message: "the reply ended before its first byte")
        }
        guard let json = try? JSONValue(parsing: collected) else {
            let start = String(decoding: collected.readableBytesView.prefix(200), as: UTF8.self)
            throw ProviderError(
                .malformedReply, provider: provider, status: 200, message: "the reply is not JSON: \(Redaction.redact(start, key: key))")
        }
        events += try self.events(json)
        isComplete = true
    }
}
