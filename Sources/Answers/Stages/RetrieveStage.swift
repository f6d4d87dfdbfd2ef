import Calls
import Domain
import Foundation
import Knowledge
import Store

/// Looks the question up in the minion's collection: the knowledge.
struct RetrieveStage: Sendable {
    let search: CollectionSearch

    struct Found: Sendable {
        var passages: [Passage]
        var trace: SearchTrace
        var degraded: Degradation?
    }

    /// - Returns: nil where nothing of the collection can be searched yet.
    func run(_ context: AnswerContext) async throws -> Found? {
        guard let collection = context.materials.collection else { return nil }
        let (question, settings) = (context.question, context.minion.pipeline)
        let options = SearchOptions(
            k: question.topK ?? settings.topK, rerank: settings.rerank, variants: settings.expand, neighbours: settings.neighbours,
            tokenBudget: settings.passageTokens)
        let found = try await search.run(
            question.text, in: collection, version: context.materials.collectionVersion, user: context.minion.userID, options: options)
        guard let found else { return nil }
        let reply = found.reply
        return Found(
            passages: reply.passages,
            trace: SearchTrace(
                collectionID: collection.id, version: found.version, query: question.text, strategy: reply.strategy.rawValue,
                chunksSearched: reply.chunksSearched, documentsSearched: reply.documentsSearched, chunksEmbedded: reply.chunksEmbedded,
                chunksTotal: reply.chunksTotal, reranked: reply.reranked,
                variants: reply.variants.isEmpty ? nil : reply.variants),
            degraded: reply.degraded.map { reason in
                let effect = reply.strategy == .lexical ? "searched by words only" : "better passages may have been missed"
                return Degradation(stage: "retrieve", reason: reason, effect: effect, lacks: .knowledge)
            })
    }
}
