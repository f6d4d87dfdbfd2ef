import Foundation
import Knowledge
import Logging
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

    private let store: Store
    private let catalog: ProviderCatalog
    private let prices: PriceTable
    private let embedder: QueryEmbedder
    private let logger: Logger

    public init(store: Store, catalog: ProviderCatalog, prices: PriceTable = .standard, embedder: QueryEmbedder, logger: Logger) {
        self.store = store
        self.catalog = catalog
        self.prices = prices
        self.embedder = embedder
        self.logger = logger
    }

    /// The models the minion's token may embed with.
    public func models(_ minion: Minion) -> [String] {
        [embedder.model] + (minion.pipeline.embeddingModel.map { [$0] } ?? []).filter { $0 != embedder.model }
    }

    /// One vector per text, in order; the usage is recorded however it ends.
    /// - Parameter model: one of ``models(_:)``. The local embedder's name is always the local embedder.
    /// - Throws: ``ProviderError``, ``LocalModelError``.
    public func embed(_ texts: [String], model: String, kind: EmbedRequest.Kind, for minion: Minion) async throws -> Reply {
        if model == embedder.model {
            let at = Date()
            let engine = try await embedder.engine()
            let batch = try await engine.embed(texts, kind: kind == .query ? .query : .passage)
            let tokens = try await engine.tokenCounts(texts).reduce(0, +)
            let width = batch.dimension
            let vectors = (0..<batch.count).map { Array(batch.values[$0 * width..<($0 + 1) * width]) }
            await record(
                minion, provider: "local", model: model, at: at, usage: TokenUsage(input: tokens, output: 0),
                cost: prices.cost(provider: "local", model: model, usage: TokenUsage(input: tokens, output: 0)), key: nil, outcome: Attempt.ok)
            return Reply(vectors: vectors, tokens: tokens)
        }
        let selection = try await catalog.selection(for: minion)
        let prices = selection.map { self.prices.adding($0.prices) } ?? self.prices
        guard let provider = (selection?.registry ?? catalog.standard)[minion.provider] else {
            throw ProviderError(.unsupported, provider: minion.provider, message: "there is no provider \"\(minion.provider)\"")
        }
        let choice = try await ProviderEndpoint.choose(provider.info, rows: store.user(minion.userID), baseURL: minion.baseURL)
        let price =
            OwnPrices.price(choice.key?.prices ?? [], provider: minion.provider, model: model)
            ?? prices.price(provider: minion.provider, model: model)
        let at = Date()
        do {
            let reply = try await provider.embed(EmbedRequest(model: model, texts: texts, kind: kind), at: choice.endpoint)
            let usage =
                reply.usage
                ?? TokenUsage(input: texts.reduce(0) { $0 + UsageEstimate.tokens(bytes: $1.utf8.count) }, output: 0, isEstimate: true)
            await record(
                minion, provider: minion.provider, model: model, at: at, usage: usage, cost: price?.cost(usage), key: choice.key?.id,
                outcome: Attempt.ok)
            return Reply(vectors: reply.vectors, tokens: usage.input)
        } catch {
            let outcome = (error as? ProviderError)?.kind.rawValue ?? Attempt.cancelled
            await record(
                minion, provider: minion.provider, model: model, at: at, usage: nil, cost: nil, key: choice.key?.id, outcome: outcome)
            throw error
        }
    }

    private func record(
        _ minion: Minion, provider: String, model: String, at: Date, usage: TokenUsage?, cost: Double?, key: String?, outcome: String
    ) async {
        let record = UsageRecord(
            minionID: minion.id, answerID: nil, keyID: key, purpose: "embedding", provider: provider, model: model, at: at, inputTokens: usage?.input,
            outputTokens: usage?.output, cachedTokens: usage?.cachedInput, isEstimate: usage?.isEstimate ?? false,
            cost: cost,
            latencyMilliseconds: Date().timeIntervalSince(at) * 1000, firstTokenMilliseconds: nil, outcome: outcome)
        let (store, logger) = (store, logger)
        // Of its own: a client that left has cancelled this task.
        await Task {
            do { try await store.user(minion.userID).recordUsage([record]) } catch { logger.error("cannot keep the usage of an embedding: \(error)") }
        }.value
    }
}
