import Foundation
import Hummingbird
import Knowledge
import Pipeline
import Store

/// `/api/users/{user_id}/collections`
struct CollectionsController: Sendable {
    let store: Store
    let data: DataDirectory
    let library: CollectionLibrary
    let embedder: QueryEmbedder

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.get("{collection_id}", use: show)
        group.delete("{collection_id}", use: delete)
        group.post("{collection_id}/search", use: search)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).collections(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).collection(context.parameters.require("collection_id")))
    }

    /// The row first: from then on nothing finds the files, and a crash in between leaves only bytes
    /// that the next start removes.
    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("collection_id")
        try await store.user(context.owner).deleteCollection(id)
        let folder = DataPaths.collection(id, user: context.owner)
        await library.close(under: data.url(folder))
        try data.remove(folder)
        try await store.audit.record(actor: context.caller.id, action: "collection.delete", target: id)
        return .noContent
    }

    @Sendable func search(_ request: Request, context: OwnerContext) async throws -> Response {
        let collection = try await store.user(context.owner).collection(context.parameters.require("collection_id"))
        var fields = try await RequestFields(request, context: context)
        let query = fields.required("query", length: 1...4000)
        var options = SearchOptions()
        options.k = fields.integer("top_k", 1...100) ?? options.k
        options.strategy = fields.choice("strategy", SearchStrategy.self) ?? options.strategy
        try fields.finish()
        let index = try await library.index(at: data.url(DataPaths.collection(collection.id, version: collection.version, user: context.owner)))
        return .json(try await embedder.search(index, query, options: options))
    }
}
