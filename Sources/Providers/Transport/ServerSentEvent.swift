/// One event of a `text/event-stream`.
public struct ServerSentEvent: Sendable, Equatable {
    /// The `event:` field; `nil` where the sender named none.
    public var event: String?
    /// The `data:` lines joined by newlines.
    public var data: String
    /// The last `id:` seen on the stream.
    public var id: String?

    public init(event: String? = nil, data: String, id: String? = nil) {
        self.event = event
        self.data = data
        self.id = id
    }
}
