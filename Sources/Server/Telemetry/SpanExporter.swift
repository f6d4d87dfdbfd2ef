import AsyncHTTPClient
import Calls
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Providers
import ServiceLifecycle
import Synchronization

/// Sends spans to an OpenTelemetry collector: OTLP over HTTP in JSON
/// (https://opentelemetry.io/docs/specs/otlp/#otlphttp). Spans wait in a bounded queue; requests never
/// wait for it.
final class SpanExporter: SpanSink, Service, CustomStringConvertible {
    /// Spans that may wait; what comes on top is dropped and counted.
    static let capacity = 16_384
    /// Spans in one POST.
    static let batch = 512
    /// How long spans gather before they are sent.
    static let linger = Duration.milliseconds(500)
    /// Waits before a batch is sent again; then it is given up.
    static let backoff = [Duration.milliseconds(500), .seconds(2)]

    let description = "span exporter"
    private let url: String
    private let version: String
    private let logger: Logger
    private let queue = Mutex<[Span]>([])
    private let exported = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    /// - Parameter endpoint: the collector's address without path, e.g. `http://localhost:4318`.
    init(endpoint: String, version: String, logger: Logger) {
        url = UpstreamRequest.join(endpoint, "/v1/traces")
        self.version = version
        self.logger = logger
        // One waiting signal is enough to say that the queue is not empty.
        (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Spans that the collector took, and spans that were given up.
    var counts: (exported: Int, dropped: Int) { (exported.load(ordering: .relaxed), dropped.load(ordering: .relaxed)) }

    func offer(_ spans: [Span]) {
        let fits = queue.withLock { queue in
            guard queue.count + spans.count <= Self.capacity else { return false }
            queue += spans
            return true
        }
        if fits { signal.yield() } else { dropped.wrappingAdd(spans.count, ordering: .relaxed) }
    }

    /// Sends until the server ends, then what is left, for a few seconds.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var isFailing = false
            for await _ in signals {
                if queue.withLock({ $0.count }) < Self.batch { try? await Task.sleep(for: Self.linger) }
                while !Task.isCancelled, let spans = next() { await deliver(spans, &isFailing) }
            }
        }
        let deadline = ContinuousClock.now + .seconds(3)
        while ContinuousClock.now < deadline, let spans = next() { _ = await post(spans) }
    }

    private func next() -> [Span]? {
        queue.withLock { queue in
            guard !queue.isEmpty else { return nil }
            let spans = Array(queue.prefix(Self.batch))
            queue.removeFirst(spans.count)
            return spans
        }
    }

    private func deliver(_ spans: [Span], _ isFailing: inout Bool) async {
        var problem: String?
        for wait in [nil] + Self.backoff.map({ Optional($0) }) {
            if let wait { try? await Task.sleep(for: wait) }
            switch await post(spans) {
            case .taken:
                if isFailing { logger.notice("the trace collector takes spans again") }
                isFailing = false
                return
            case .failed(let reason, let mayRetry):
                problem = reason
                if mayRetry, !Task.isCancelled { continue }
            }
            break
        }
        // The server is ending: what was under way is sent with the rest.
        guard !Task.isCancelled else { return queue.withLock { $0.insert(contentsOf: spans, at: 0) } }
        dropped.wrappingAdd(spans.count, ordering: .relaxed)
        // Once for a run of failures: a collector that is down must not fill the log.
        if !isFailing, let problem { logger.warning("the trace collector does not take spans; they are dropped until it does: \(problem)") }
        isFailing = true
    }

    private enum Outcome {
        case taken
        case failed(String, mayRetry: Bool)
    }

    private func post(_ spans: [Span]) async -> Outcome {
        let body = HTTPClient.Body.byteBuffer(ByteBuffer(string: OTLP.request(spans, version: version)))
        do {
            let request = try HTTPClient.Request(
                url: url, method: .POST, headers: ["content-type": "application/json", "user-agent": "atelier/\(version)"], body: body)
            let response = try await HTTPClients.plain.reply(to: request, upTo: 1 << 20, within: .seconds(3))
            if (200..<300).contains(response.status.code) {
                exported.wrappingAdd(spans.count, ordering: .relaxed)
                return .taken
            }
            // The statuses that the protocol calls retryable.
            return .failed("it answered \(response.status.code)", mayRetry: [429, 502, 503, 504].contains(response.status.code))
        } catch { return .failed("\(error)", mayRetry: true) }
    }
}
