import Calls
import Domain
import Foundation
import Knowledge
import Store

/// Looks the question up in the minion's collection: the knowledge.
struct RetrieveStage: GatheringStage {
    let search: CollectionSearch

    var name: String { "retrieve" }
    var effect: String { "the answer has no passages" }
    var lacks: Degradation.Half? { .knowledge }
    var isToldWhereSkipped: Bool { true }
    func applies(to plan: AnswerPlan) -> Bool { plan.retrieves }

    /// Finds nothing where nothing of the collection can be searched yet.
    func gather(_ context: AnswerContext) async throws -> @Sendable (inout Trace) -> Void {
        guard let collection = context.materials.collection else { return { _ in } }
        let (question, settings) = (context.question, context.minion.pipeline)
        let options = SearchOptions(
            k: question.topK ?? settings.topK, rerank: settings.rerank, variants: settings.expand, neighbours: settings.neighbours,
            tokenBudget: settings.passageTokens)
        let found = try await search.run(
            question.text, in: collection, version: context.materials.collectionVersion, user: context.minion.userID, options: options)
        guard let found else { return { _ in } }
        let reply = found.reply
        let search = SearchTrace(
            collectionID: collection.id, version: found.version, query: question.text, strategy: reply.strategy.rawValue,
            chunksSearched: reply.chunksSearched, documentsSearched: reply.documentsSearched, chunksEmbedded: reply.chunksEmbedded,
            chunksTotal: reply.chunksTotal, reranked: reply.reranked, variants: reply.variants.isEmpty ? nil : reply.variants)
        let degraded = reply.degraded.map { reason in
            let effect = reply.strategy == .lexical ? "searched by words only" : "better passages may have been missed"
            return Degradation(stage: name, reason: reason, effect: effect, lacks: .knowledge)
        }
        return {
            $0.search = search
            $0.passages = reply.passages
            if let degraded { $0.degraded.append(degraded) }
        }
    }
}
