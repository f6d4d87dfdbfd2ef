import Answers
import Calls
import Files
import Foundation
import Hummingbird
import Knowledge
import Store

/// `/api/users/{user_id}/collections`
struct CollectionsController: Sendable {
    let store: Store
    let data: DataDirectory
    let library: CollectionLibrary
    let finder: CollectionSearch
    let vectors: VectorServer?

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.get("{collection_id}", use: show)
        group.get("{collection_id}/documents", use: documents)
        group.get("{collection_id}/document", use: document)
        group.delete("{collection_id}", use: delete)
        group.post("{collection_id}/search", use: search)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).collections(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).collection(context.parameters.require("collection_id")))
    }

    /// `?limit=…&offset=…`: the documents that are found in it, in the order they were read.
    @Sendable func documents(_ request: Request, context: OwnerContext) async throws -> Response {
        let collection = try await store.user(context.owner).collection(context.parameters.require("collection_id"))
        let limit = try request.integer("limit", 1...1000, standard: 100)
        let offset = try request.integer("offset", 0...Int(Int32.max), standard: 0)
        let index = try await library.current(collection, data: data, user: context.owner)
        return .json(["items": try index?.documents(limit: limit, offset: offset) ?? []])
    }

    /// `?name=…[&version=…]`: a document with its text, which passages point into.
    @Sendable func document(_ request: Request, context: OwnerContext) async throws -> Response {
        let collection = try await store.user(context.owner).collection(context.parameters.require("collection_id"))
        guard let name = request.uri.queryParameters["name"].map(String.init), !name.isEmpty else {
            throw APIError.invalid([.init(field: "name", code: "invalid", message: "is required")])
        }
        let version = request.uri.queryParameters["version"] == nil ? nil : try request.integer("version", 1...Int(Int32.max), standard: 1)
        // A version that is not there, be it one that was removed, has no documents.
        let index = try? await library.current(collection, version: version, data: data, user: context.owner)
        guard let found = try index?.document(named: name) else { throw APIError.notFound("document") }
        return .json(found)
    }

    /// The row first: from then on nothing finds the files, and a crash in between leaves only bytes
    /// that the next start removes.
    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("collection_id")
        // Of a row that cannot be read the vector server may keep a version that its number would have named.
        let versions: Int
        do { versions = try await store.user(context.owner).collection(id).version } catch is UnreadableRow { versions = 1 }
        try await store.user(context.owner).deleteCollection(id)
        let folder = DataPaths.collection(id, user: context.owner)
        await library.close(under: data.url(folder))
        try data.remove(folder)
        await vectors?.remove(id, versions: 1...max(1, versions), user: context.owner)
        try await store.scrub()
        return .noContent
    }

    @Sendable func search(_ request: Request, context: OwnerContext) async throws -> Response {
        let collection = try await store.user(context.owner).collection(context.parameters.require("collection_id"))
        var fields = try await RequestFields(request, context: context)
        let query = fields.required("query", length: 1...4000)
        let options = SearchFields.read(&fields)
        let wantsBuilding = fields.bool("building") ?? false
        try fields.finish()
        guard let found = try await finder.run(query, in: collection, building: wantsBuilding, user: context.owner, options: options) else {
            throw APIError(
                status: .conflict, code: "nothing_indexed_yet",
                message: wantsBuilding
                    ? "no version of this collection is being built: search without \"building\""
                    : "no document of this collection has been cut yet: ask again in a moment, or look at the job's events")
        }
        return .json(found.reply)
    }
}
