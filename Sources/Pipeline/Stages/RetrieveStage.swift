import Foundation
import Knowledge
import Store

/// Looks the question up in the minion's collection: the knowledge.
struct RetrieveStage: Sendable {
    let search: CollectionSearch

    /// - Parameter version: the release's; nil takes what there is, be it unfinished.
    /// - Returns: nil where nothing of the collection can be searched yet.
    func run(_ query: String, collection: Collection, version: Int?, user: String, options: SearchOptions) async throws -> (SearchReply, SearchTrace)?
    {
        guard let found = try await search.run(query, in: collection, version: version, user: user, options: options) else { return nil }
        let reply = found.reply
        let trace = SearchTrace(
            collectionID: collection.id, version: found.version, query: query, strategy: reply.strategy.rawValue,
            chunksSearched: reply.chunksSearched, documentsSearched: reply.documentsSearched, chunksEmbedded: reply.chunksEmbedded,
            chunksTotal: reply.chunksTotal, reranked: reply.reranked, variants: reply.variants.isEmpty ? nil : reply.variants)
        return (reply, trace)
    }
}
