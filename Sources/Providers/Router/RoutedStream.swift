import Domain

/// A reply on its way through the router.
public struct RoutedStream: Sendable {
    /// The reply. Ends after `.finish`; throws ``RouterError``. Where the consuming task is
    /// cancelled it ends early without `.finish`, and the upstream connection is closed.
    public let events: AsyncThrowingStream<ChatEvent, any Error>
    private let log: AttemptLog
    private let task: Task<Void, Never>

    init(events: AsyncThrowingStream<ChatEvent, any Error>, log: AttemptLog, task: Task<Void, Never>) {
        self.events = events
        self.log = log
        self.task = task
    }

    /// Every call made so far; complete as soon as ``events`` has ended, in whatever way.
    public var attempts: [Attempt] { log.attempts }

    /// Gives the reply up from outside the consuming task: closes the upstream connection and
    /// records the open attempt as cancelled.
    public func cancel() {
        log.close()
        task.cancel()
    }
}
