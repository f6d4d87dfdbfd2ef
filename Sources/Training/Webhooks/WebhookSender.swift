import Domain
import Foundation
import Logging
import Providers
import Store
import Synchronization

/// Sends what waits in the outbox: each address hears of things in their order, one at a time, until it says 2xx. Users
/// share the calls under way, so that addresses which do not answer hold up their own user's deliveries and no others.
public struct WebhookSender: Sendable {
    /// Waits between the attempts, in seconds: eight attempts in about four hours.
    public static let standardWaits: [Double] = [5, 30, 120, 600, 1800, 3600, 7200]
    /// For a whole attempt.
    static let timeLimit: Duration = .seconds(15)
    /// Seconds for which an attempt is this process's, unless its end is written down before.
    private static let claim = 30.0

    /// Calls under way at once, and those of one user.
    private static let atOnce = (all: 32, user: 4)

    private let queue: WebhookQueue
    private let transport: HTTPTransport
    private let waits: [Double]
    private let logger: Logger
    private let wake: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let underWay = UnderWay()

    /// Webhooks that are being called, with their users.
    private final class UnderWay: Sendable {
        let webhooks = Mutex<[String: String]>([:])
    }

    /// - Parameter transport: its policy says which addresses may be reached, at every attempt.
    public init(queue: WebhookQueue, transport: HTTPTransport, waits: [Double] = standardWaits, logger: Logger) {
        self.queue = queue
        self.transport = transport
        self.waits = waits
        self.logger = logger
        (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that something waits.
    public func nudge() { wakeUp.yield() }

    /// Sends until the task is cancelled; an attempt that is cut then is made again at the next start.
    public func run() async {
        // Other processes write events too, and retries come due by themselves.
        let ticker = Task { [wakeUp] in
            while !Task.isCancelled {
                wakeUp.yield()
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
        defer { ticker.cancel() }
        await withDiscardingTaskGroup { group in
            for await _ in wake {
                if Task.isCancelled { return }
                do {
                    for one in try await takeDue() { group.addTask { await deliver(one) } }
                } catch is CancellationError { return } catch { logger.error("webhooks cannot be sent: \(error)") }
            }
        }
    }

    /// What may be sent now; under way from here on.
    private func takeDue() async throws -> [WebhookQueue.Due] {
        let busy = underWay.webhooks.withLock { $0 }
        guard busy.count < Self.atOnce.all else { return [] }
        let due = try await queue.due(limit: Self.atOnce.all - busy.count, share: Self.atOnce.user, underWay: busy)
        underWay.webhooks.withLock { for one in due { $0[one.delivery.webhookID] = one.userID } }
        return due
    }

    private func deliver(_ due: WebhookQueue.Due) async {
        var isDone = false
        do {
            try await NameLookups.$user.withValue(due.userID) { try await send(due) }
            isDone = true
        } catch is CancellationError {} catch { logger.error("a webhook cannot be sent: \(error)") }
        underWay.webhooks.withLock { $0[due.delivery.webhookID] = nil }
        // Whoever waits for the place, or behind this delivery; after a failure of ours the ticker comes soon enough.
        if isDone { wakeUp.yield() }
    }

    private func send(_ due: WebhookQueue.Due) async throws {
        let (queue, id, made) = (queue, due.delivery.id, due.delivery.attempts)
        guard made <= waits.count else {
            return try await queue.record(
                id, status: nil, error: "the server ended while it was making the last attempt", milliseconds: 0, retryAt: nil)
        }
        let wait = made < waits.count ? waits[made] : 0
        guard try await queue.begin(due.delivery, until: Date().addingTimeInterval(max(wait, Self.claim))) else { return }
        let start = ContinuousClock().now
        let (status, error): (Int?, String?)
        do { (status, error) = try await attempt(due) } catch {
            try await Task { try await queue.undo(due.delivery) }.value
            throw error
        }
        let milliseconds = (ContinuousClock().now - start) / .milliseconds(1)
        let retryAt = error != nil && status != 410 && made < waits.count ? Date().addingTimeInterval(wait) : nil
        // What was sent is written down, also where the server is told to stop meanwhile.
        try await Task {
            try await queue.record(id, status: status, error: error, milliseconds: milliseconds, retryAt: retryAt)
            if status == 410 { try await queue.disable(due.delivery.webhookID, reason: "the receiver answered 410 Gone") }
        }.value
    }

    /// - Returns: the reply's status, and what was wrong.
    private func attempt(_ due: WebhookQueue.Due) async throws -> (status: Int?, error: String?) {
        guard let secret = due.secret else {
            return (nil, "the webhook's secret cannot be opened with API_KEY_ENCRYPTION_KEY: make a new one with POST …/secret")
        }
        guard let body = try? JSONValue(parsing: due.delivery.body),
            let headers = WebhookSignature.headers(
                id: due.delivery.id, timestamp: Int(Date().timeIntervalSince1970), body: body.serializedBytes(), secret: secret)
        else { return (nil, "the delivery cannot be signed") }
        do {
            let status = try await transport.status(
                UpstreamRequest(.post, due.url, headers: headers, body: body), provider: "webhook", timeout: Self.timeLimit)
            return (status, (200..<300).contains(status) ? nil : "the receiver answered \(status)")
        } catch is CancellationError { throw CancellationError() } catch let error as ProviderError {
            return (nil, error.message)
        }
    }
}
