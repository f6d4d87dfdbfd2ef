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

    private let caller: ModelCaller
    private let embedder: QueryEmbedder

    public init(caller: ModelCaller, embedder: QueryEmbedder) {
        self.caller = caller
        self.embedder = embedder
    }

    /// The models the minion's token may embed with.
    public func models(_ minion: Minion) -> [String] {
        [embedder.model] + (minion.pipeline.embeddingModel.map { [$0] } ?? []).filter { $0 != embedder.model }
    }

    /// One vector per text, in order; what was used is counted however it ends.
    /// - Parameter model: one of ``models(_:)``. The local embedder's name is always the local embedder.
    /// - Returns: with the rate headers of the reply.
    /// - Throws: ``LimitExceeded``, ``RouterError``, ``ProviderError``, ``LocalModelError``.
    public func embed(
        _ texts: [String], model: String, kind: EmbedKind, for minion: Minion
    ) async throws -> (Reply, headers: [(String, String)]) {
        if model == embedder.model {
            let estimate = texts.reduce(0) { $0 + UsageEstimate.tokens(bytes: $1.utf8.count) }
            let calls = try await caller.open(local: estimate, user: minion.userID, minion: minion.id, purpose: "embedding")
            return (try await calls.recording { try await embedLocally(texts, kind, minion, calls) }, calls.admission.headers)
        }
        let targets = try await caller.targets(
            of: ModelRoute(provider: minion.provider, model: model), user: minion.userID, baseURL: minion.baseURL)
        let (reply, tokens, headers) = try await ProviderEmbedding.call(
            EmbedRequest(model: model, texts: texts, kind: kind), targets, user: minion.userID, minion: minion, caller, patience: .caller)
        return (Reply(vectors: reply.vectors, tokens: tokens), headers)
    }

    private func embedLocally(
        _ texts: [String], _ kind: EmbedKind, _ minion: Minion, _ calls: ModelCalls
    ) async throws -> Reply {
        let at = Date()
        var reply = Reply(vectors: [], tokens: 0)
        var outcome = Attempt.cancelled
        defer {
            let usage = TokenUsage(input: reply.tokens, output: 0)
            calls.ledger.add(
                Attempt(
                    provider: "local", model: embedder.model, startedAt: at, outcome: outcome, usage: usage,
                    cost: calls.router.prices.cost(provider: "local", model: embedder.model, usage: usage),
                    milliseconds: Date().timeIntervalSince(at) * 1000),
                purpose: "embedding")
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
}
