/// An answer that was let in, on its way.
public struct AnswerStream: Sendable {
    /// `x-ratelimit-*`, for the reply's head.
    public let headers: [(String, String)]
    /// Ends with `.done`, or throws. Cancelling the consumer cancels every stage and the upstream call.
    public let events: AsyncThrowingStream<AnswerEvent, any Error>
}
