import Foundation
import Knowledge
import Store

/// Looks the question up in the minion's collection: the knowledge.
struct RetrieveStage: Sendable {
    let library: CollectionLibrary
    let data: DataDirectory
    let embedder: QueryEmbedder

    func run(_ query: String, collection: Collection, version: Int, user: String, topK: Int) async throws -> (SearchReply, SearchTrace) {
        let index = try await library.index(at: data.url(DataPaths.collection(collection.id, version: version, user: user)))
        let reply = try await embedder.search(index, query, options: SearchOptions(k: topK))
        let trace = SearchTrace(
            collectionID: collection.id, version: version, query: query, strategy: reply.strategy.rawValue, chunksSearched: reply.chunksSearched,
            documentsSearched: reply.documentsSearched)
        return (reply, trace)
    }
}
