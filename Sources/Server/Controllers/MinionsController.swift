import Answers
import Calls
import Domain
import Files
import Foundation
import Hummingbird
import LocalModels
import Providers
import Store

/// `/api/users/{user_id}/minions`
struct MinionsController: Sendable {
    let store: Store
    let data: DataDirectory
    let catalog: ProviderCatalog
    let addresses: AddressPolicy
    let server: AdapterServer
    let library: CollectionLibrary
    let vectors: VectorServer?
    let meter: Meter

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: create)
        group.get("{minion_id}", use: show)
        group.put("{minion_id}", use: update)
        group.delete("{minion_id}", use: delete)
        group.post("{minion_id}/token", use: token)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).minions(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).minion(context.parameters.require("minion_id")))
    }

    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context)
        let draft = try await fieldReader(context).read(&fields, current: nil)
        try fields.finish()
        try await check(draft)
        let rows = store.user(context.owner)
        return try await Idempotent.create(request, fingerprint: "\(draft)", rows: rows) {
            try await meter.creating(.minions, user: context.owner) { try await rows.createMinion(draft) }
        }
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let current = try await rows.minionToChange(context.parameters.require("minion_id"))
        var fields = try await RequestFields(request, context: context)
        let draft = try await fieldReader(context).read(&fields, current: current)
        try fields.finish()
        try await check(draft)
        return .json(try await rows.updateMinion(current.id, draft))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("minion_id")
        let rows = store.user(context.owner)
        // Of one that cannot be read the vector server keeps its vectors.
        let collection: Collection?
        do { collection = try await rows.collectionForMinion(id) } catch is UnreadableRow { collection = nil }
        let folders = try await rows.deleteMinion(id)
        if let collection, folders.contains(DataPaths.collection(collection.id, user: context.owner)) {
            await vectors?.remove(collection.id, versions: 1...max(1, collection.version), user: context.owner)
        }
        for folder in folders {
            await server.forget(under: data.url(folder))
            await library.close(under: data.url(folder))
            try data.remove(folder)
        }
        try await store.scrub()
        return .noContent
    }

    /// The plaintext token is in this reply and nowhere else, ever.
    @Sendable func token(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("minion_id")
        let token = try await store.user(context.owner).regenerateMinionToken(id)
        return .json(["token": token, "minion_id": id], status: .created)
    }

    private func fieldReader(_ context: OwnerContext) async throws -> MinionFields {
        MinionFields(offered: try await catalog.selection(for: context.owner).offered)
    }

    /// A base URL must not lead into the operator's network; checked here and again at each call.
    private func check(_ draft: MinionDraft) async throws {
        guard let url = draft.baseURL else { return }
        if catalog.standard[draft.provider]?.info.isManaged == true {
            throw APIError.invalid([.init(field: "base_url", code: "invalid", message: "\(draft.provider) is run by this server and has no base_url")]
            )
        }
        do { try await addresses.check(url, provider: draft.provider) } catch let error as ProviderError {
            throw APIError.invalid([.init(field: "base_url", code: error.kind.rawValue, message: error.message)])
        }
    }
}
