import Calls
import Domain
import Foundation
import Hummingbird
import Providers
import Store

/// Providers as data: `/api/users/{user_id}/provider-definitions` for a user's own,
/// `/api/admin/provider-definitions` for everybody's.
struct DefinitionsController: Sendable {
    let store: Store
    let catalog: ProviderCatalog
    let addresses: AddressPolicy
    let meter: Meter

    private struct Entry: Encodable {
        var id: String
        var provider: String
        var definition: JSONValue
        var createdAt: Date
        var updatedAt: Date

        init(_ row: ProviderDefinition) throws {
            id = row.id
            provider = row.provider
            definition = try JSONValue(parsing: row.definition)
            createdAt = row.createdAt
            updatedAt = row.updatedAt
        }
    }

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get { try await list($0, store.user($1.owner).definitions) }
        group.post { request, context in
            try await meter.creating(.providerDefinitions, user: context.owner) {
                try await create(request, context, store.user(context.owner).definitions)
            }
        }
        group.get("{definition_id}") { try await show($1, store.user($1.owner).definitions) }
        group.put("{definition_id}") { try await update($0, $1, store.user($1.owner).definitions) }
        group.delete("{definition_id}") { try await delete($1, store.user($1.owner).definitions) }
    }

    func routes(_ group: RouterGroup<AdminContext>) {
        group.get { request, _ in try await list(request, store.sharedDefinitions) }
        group.post { try await create($0, $1, store.sharedDefinitions) }
        group.get("{definition_id}") { try await show($1, store.sharedDefinitions) }
        group.put("{definition_id}") { try await update($0, $1, store.sharedDefinitions) }
        group.delete("{definition_id}") { try await delete($1, store.sharedDefinitions) }
    }

    private func list(_ request: Request, _ rows: ProviderDefinitions) async throws -> Response {
        let page = try await rows.list(.from(request))
        return .json(Page(items: try page.items.map(Entry.init), nextCursor: page.nextCursor, unreadable: page.unreadable))
    }

    private func show(_ context: some RequestContext, _ rows: ProviderDefinitions) async throws -> Response {
        .json(try Entry(await rows.get(context.parameters.require("definition_id"))))
    }

    /// The body is the definition itself, as a vendor's entry in the data file.
    private func create(_ request: Request, _ context: some RequestContext, _ rows: ProviderDefinitions) async throws -> Response {
        let (info, json) = try await read(request)
        let row = try await rows.create(provider: info.id, definition: json)
        return .json(try Entry(row), status: .created)
    }

    private func update(_ request: Request, _ context: some RequestContext, _ rows: ProviderDefinitions) async throws -> Response {
        let current = try await rows.definitionToChange(context.parameters.require("definition_id"))
        let (info, json) = try await read(request)
        guard info.id == current.provider else {
            throw APIError.invalid([
                .init(
                    field: "id", code: "invalid", message: "stays \"\(current.provider)\": minions and keys name it so",
                    hint: "to rename it, store a new definition and delete this one")
            ])
        }
        let row = try await rows.update(current.id, definition: json)
        return .json(try Entry(row))
    }

    private func delete(_ context: some RequestContext, _ rows: ProviderDefinitions) async throws -> Response {
        try await rows.delete(context.parameters.require("definition_id"))
        return .noContent
    }

    /// The provider that the body defines, and the body.
    private func read(_ request: Request) async throws -> (ProviderInfo, String) {
        let buffer = try await request.wholeBody(upTo: .definition)
        guard let value = try? JSONValue(parsing: buffer), value.objectValue != nil else {
            throw APIError.badRequest("the body is not a JSON object", code: "invalid_json")
        }
        let vendor: VendorDefinition
        do { vendor = try VendorDefinition(parsing: value) } catch {
            throw APIError.invalid(error.problems.map { .init(field: $0.field, code: "invalid", message: $0.message) }, unlisted: error.unlisted)
        }
        let info = vendor.info
        if let problem = DisplayName.problem(info.name, length: 1...80) {
            throw APIError.invalid([.init(field: "name", code: "invalid", message: problem)])
        }
        // Ids of keys stand where those of providers do.
        guard !info.id.hasPrefix("key_") else {
            throw APIError.invalid([.init(field: "id", code: "invalid", message: "must not begin with key_")])
        }
        if let url = info.defaultBaseURL {
            do { try await addresses.check(url, provider: info.id) } catch let error as ProviderError {
                throw APIError.invalid([.init(field: "base_url", code: error.kind.rawValue, message: error.message)])
            }
        }
        return (info, value.serialized())
    }
}
