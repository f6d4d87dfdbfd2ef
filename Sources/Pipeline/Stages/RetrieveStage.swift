import Foundation
import Knowledge
import Store

/// Looks the question up in the minion's collection: the knowledge.
struct RetrieveStage: Sendable {
    let library: CollectionLibrary
    let data: DataDirectory
    let embedder: QueryEmbedder

    /// - Parameter version: the release's; nil takes what there is, be it unfinished.
    /// - Returns: nil where nothing of the collection can be searched yet.
    func run(_ query: String, collection: Collection, version: Int?, user: String, options: SearchOptions) async throws -> (SearchReply, SearchTrace)?
    {
        guard let index = try await library.current(collection, version: version, data: data, user: user) else { return nil }
        var reply = try await embedder.search(index, query, options: options)
        if !index.isComplete, reply.degraded == nil {
            reply.degraded = "The collection is still being built: \(reply.chunksEmbedded) of \(reply.chunksTotal) chunks are found by meaning"
        }
        let trace = SearchTrace(
            collectionID: collection.id, version: index.isComplete ? version ?? collection.version : collection.buildingVersion ?? 0, query: query,
            strategy: reply.strategy.rawValue, chunksSearched: reply.chunksSearched, documentsSearched: reply.documentsSearched,
            chunksEmbedded: reply.chunksEmbedded, chunksTotal: reply.chunksTotal, reranked: reply.reranked)
        return (reply, trace)
    }
}
