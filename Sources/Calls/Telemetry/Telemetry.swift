import Foundation
import Providers

/// What the server counts while it runs. One for a process; every method may be called from any task
/// and takes well under a microsecond.
///
/// No label ever names a user, minion, key or session. What a caller chooses (a model's name, an HTTP
/// method) gets a series of its own only within a limit.
public final class Telemetry: Sendable {
    /// Distinct models with series of their own; the others share `other`.
    static let modelLimit = 200

    struct RequestLabels: Hashable {
        var method: String
        var route: String
        var status: Int
    }

    /// By id. Never changed, so that it is read without a lock.
    private let known: [String: ProviderSeries]
    /// For the providers that users have named themselves.
    private let custom: ProviderSeries
    let overhead = SeriesFamily<String, Histogram>(SeriesQuota(100), overflow: "other") { Histogram(Buckets.overhead) }
    let requests = SeriesFamily<RequestLabels, Counter>(SeriesQuota(2000), overflow: .init(method: "other", route: "other", status: 0)) { Counter() }
    let cacheHits = Counter()
    let cacheMisses = Counter()
    let inFlight = Counter()
    let startedAt = Date()
    let version: String
    /// Takes the spans of a finished request; nil where no traces are wanted.
    let spans: (any SpanSink)?

    /// - Parameters:
    ///   - providers: ids that may be labels; all others, which users have named, count as `custom`.
    ///   - spans: where traces go; nil makes none.
    public init(version: String, providers: Set<String>, spans: (any SpanSink)? = nil) {
        let quota = SeriesQuota(Self.modelLimit)
        self.version = version
        self.spans = spans
        custom = ProviderSeries(label: "custom", models: quota)
        var known = ["custom": custom]
        for provider in providers where provider != "custom" { known[provider] = ProviderSeries(label: provider, models: quota) }
        self.known = known
    }

    /// Whether traces are made at all.
    public var isTracing: Bool { spans != nil }

    /// A request has come in.
    /// - Parameter traceparent: the header of that name, where there is one.
    public func begin(traceparent: String? = nil) -> RequestTelemetry { RequestTelemetry(self, traceparent: traceparent) }

    /// The response cache was asked.
    func count(cacheHit: Bool) { (cacheHit ? cacheHits : cacheMisses).add() }

    var providers: [ProviderSeries] { known.values.sorted { $0.label < $1.label } }

    func series(_ provider: String) -> ProviderSeries { known[provider] ?? custom }

    /// The label of a provider.
    func label(_ provider: String) -> String { series(provider).label }

    static func nanoseconds(_ milliseconds: Double) -> Int { Int(min(max(milliseconds, 0) * 1e6, 1e15)) }
}
