import Domain

extension ChatEvent {
    /// A stream of events in which what is not read yet is at most about 128 KiB.
    static func stream() -> (stream: AsyncThrowingStream<ChatEvent, any Error>, buffer: StreamBuffer<ChatEvent>) {
        StreamBuffer.make(limit: 128 << 10) { 64 + $0.length }
    }
}
