import Domain
import Foundation
import Knowledge
import LocalModels
import Providers
import Store

/// Texts to vectors for a minion: by this server's own embedder, or by the model of the minion's
/// provider that its settings name.
public struct TextEmbedding: Sendable {
    /// What became of the texts.
    public struct Reply: Sendable {
        public var vectors: [[Float]]
        public var tokens: Int
    }

    /// Texts that this server's own embedder gets at a time.
    private static let batch = 32

    private let catalog: ProviderCatalog
    private let store: Store
    private let meter: Meter
    private let embedder: QueryEmbedder

    public init(catalog: ProviderCatalog, store: Store, meter: Meter, embedder: QueryEmbedder) {
        self.catalog = catalog
        self.store = store
        self.meter = meter
        self.embedder = embedder
    }

    /// The models the minion's token may embed with.
    public func models(_ minion: Minion) -> [String] {
        [embedder.model] + (minion.pipeline.embeddingModel.map { [$0] } ?? []).filter { $0 != embedder.model }
    }

    /// One vector per text, in order; what was used is counted however it ends.
    /// - Parameter model: one of ``models(_:)``. The local embedder's name is always the local embedder.
    /// - Returns: with the rate headers of the reply.
    /// - Throws: ``LimitExceeded``, ``ProviderError``, ``LocalModelError``.
    public func embed(
        _ texts: [String], model: String, kind: EmbedKind, for minion: Minion
    ) async throws -> (Reply, headers: [(String, String)]) {
        let estimate = texts.reduce(0) { $0 + UsageEstimate.tokens(bytes: $1.utf8.count) }
        if model == embedder.model {
            let admission = try await meter.admit(user: minion.userID, minion: minion.id, tokens: estimate, cost: 0)
            return (try await embedLocally(texts, kind, minion, admission), admission.headers)
        }
        let selection = try await catalog.selection(for: minion)
        let prices = selection?.prices ?? catalog.prices
        guard let provider = (selection?.registry ?? catalog.standard)[minion.provider] else {
            throw ProviderError(.unsupported, provider: minion.provider, message: "there is no provider \"\(minion.provider)\"")
        }
        let choice = try await ProviderEndpoint.choose(provider.info, rows: store.user(minion.userID), baseURL: minion.baseURL)
        let route = Route(
            provider: minion.provider, model: model, endpoint: choice.endpoint, keyID: choice.key?.id,
            price: OwnPrices.price(choice.key?.prices ?? [], provider: minion.provider, model: model))
        let admission = try await meter.admit(
            user: minion.userID, minion: minion.id, routes: [route], usage: TokenUsage(input: estimate, output: 0), prices: prices,
            purpose: "embedding")
        try meter.gate(admission)(route)
        let price = prices.paid(route)
        let at = Date()
        do {
            let reply = try await provider.embed(EmbedRequest(model: model, texts: texts, kind: kind), at: choice.endpoint)
            let usage = reply.usage ?? TokenUsage(input: estimate, output: 0, isEstimate: true)
            settle(
                admission, provider: minion.provider, model: model, at: at, usage: usage, cost: price?.cost(usage), key: choice.key?.id,
                outcome: Attempt.ok)
            return (Reply(vectors: reply.vectors, tokens: usage.input), admission.headers)
        } catch {
            let outcome = (error as? ProviderError)?.kind.rawValue ?? Attempt.cancelled
            settle(admission, provider: minion.provider, model: model, at: at, usage: nil, cost: nil, key: choice.key?.id, outcome: outcome)
            throw error
        }
    }

    private func embedLocally(
        _ texts: [String], _ kind: EmbedKind, _ minion: Minion, _ admission: Admission
    ) async throws -> Reply {
        let at = Date()
        var reply = Reply(vectors: [], tokens: 0)
        var outcome = Attempt.cancelled
        defer {
            let usage = TokenUsage(input: reply.tokens, output: 0)
            settle(
                admission, provider: "local", model: embedder.model, at: at, usage: usage,
                cost: meter.prices.cost(provider: "local", model: embedder.model, usage: usage), key: nil, outcome: outcome)
        }
        do {
            let engine = try await embedder.engine()
            for start in stride(from: 0, to: texts.count, by: Self.batch) {
                let part = Array(texts[start..<min(texts.count, start + Self.batch)])
                // A caller who leaves is heard between two of them.
                try Task.checkCancellation()
                let (batch, tokens) = try await embedder.batches.withPlace(minion.userID) {
                    let batch = try await engine.embed(part, kind: kind)
                    return (batch, try await engine.tokenCounts(part).reduce(0, +))
                }
                let width = batch.dimension
                reply.vectors += (0..<batch.count).map { Array(batch.values[$0 * width..<($0 + 1) * width]) }
                reply.tokens += tokens
            }
        } catch let full as FairGate.Full {
            outcome = ProviderError.Kind.busy.rawValue
            throw ProviderError(.busy, provider: "local", message: "\(full): wait until some are answered", retryAfter: 1)
        } catch {
            if !(error is CancellationError) { outcome = ProviderError.Kind.serverError.rawValue }
            throw error
        }
        outcome = Attempt.ok
        return reply
    }

    private func settle(
        _ admission: Admission, provider: String, model: String, at: Date, usage: TokenUsage?, cost: Double?, key: String?, outcome: String
    ) {
        let milliseconds = Date().timeIntervalSince(at) * 1000
        if let telemetry = RequestTelemetry.current {
            telemetry.answers()
            telemetry.observe(
                Attempt(provider: provider, model: model, startedAt: at, outcome: outcome, usage: usage, cost: cost, milliseconds: milliseconds),
                purpose: "embedding")
        }
        meter.settle(
            admission,
            [
                UsageRecord(
                    minionID: admission.minion, answerID: nil, keyID: key, purpose: "embedding", provider: provider, model: model, at: at,
                    inputTokens: usage?.input, outputTokens: usage?.output, cachedTokens: usage?.cachedInput,
                    isEstimate: usage?.isEstimate ?? false, cost: cost, latencyMilliseconds: milliseconds,
                    firstTokenMilliseconds: nil, outcome: outcome)
            ])
    }
}
