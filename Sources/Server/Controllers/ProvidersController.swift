import Calls
import Domain
import Foundation
import Hummingbird
import Providers
import Store

/// `/api/users/{user_id}/providers`: the providers on offer and the user's keys for them. `{provider}`
/// is a provider's id, or a key's where the provider has several.
struct ProvidersController: Sendable {
    let store: Store
    let catalog: ProviderCatalog
    let addresses: AddressPolicy
    let meter: Meter
    let caller: ModelCaller

    /// A provider, with what the user has stored for it.
    private struct Entry: Encodable {
        var provider: String
        var name: String
        var needsKey: Bool
        var defaultBaseURL: String?
        /// The key the request was about, else the oldest.
        var key: ProviderKey?
        var keys: [ProviderKey]
        /// What trying the key found, in the reply to the request that tried it.
        var test: ConnectionTest.Result?
        /// Keys that cannot be read, and why, where one provider is asked for.
        var unreadable: [UnreadableRow]?
    }

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: create)
        group.get("{provider}", use: show)
        group.put("{provider}", use: update)
        group.delete("{provider}", use: delete)
        group.post("{provider}/test", use: test)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        let (stored, unreadable) = try await store.user(context.owner).allProviderKeys()
        let keys = Dictionary(grouping: stored, by: \.provider)
        let entries = try await catalog.selection(for: context.owner).infos.map { entry($0, nil, keys[$0.id] ?? []) }
        return .json(Page(items: entries, nextCursor: nil, unreadable: unreadable.isEmpty ? nil : unreadable))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        let (_, info, key) = try await target(context)
        let (keys, unreadable) = try await store.user(context.owner).allProviderKeys(info.id)
        var shown = entry(info, key, keys)
        shown.unreadable = unreadable.isEmpty ? nil : unreadable
        return .json(shown)
    }

    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context)
        let provider = fields.required("provider", length: 1...60)
        let selection = try await catalog.selection(for: context.owner)
        let info = selection.info(provider)
        if !provider.isEmpty, info == nil {
            fields.fail("provider", "\"\(provider)\" is not a provider here", hint: "known: \(selection.offered.sorted().joined(separator: ", "))")
        }
        let key = info?.needsKey == true ? fields.required("api_key", length: 1...4096) : fields.string("api_key", length: 0...4096) ?? ""
        let read = ProviderKeyFields(&fields, current: nil)
        if info?.isManaged == true { fields.fail("provider", "\(provider) is run by this server: it has neither a key nor a base_url") }
        if let info, !info.isManaged, info.defaultBaseURL == nil, read.settings.baseURL == nil {
            fields.fail("base_url", "is required for \(provider)")
        }
        Self.check(key, &fields)
        try fields.finish()
        guard let info else { throw APIError.notFound("provider") }
        try await check(read.settings.baseURL, provider)
        let rows = store.user(context.owner)
        // Before the vendor is asked: a key that cannot be saved need not be tried.
        if try await rows.providerKeys(provider).contains(where: { $0.label == read.settings.label }) {
            throw UserStore.labelTaken(read.settings.label, provider)
        }
        let (stored, result) = try await meter.creating(.providerKeys, user: context.owner) {
            let result = try await KeyTrial(tests: tests(selection, context)).run(info, key: key, id: nil, read.settings, read.options)
            return (try await rows.createProviderKey(provider, key: key, settings: read.settings, test: result.map(KeyTest.init)), result)
        }
        return .json(entry(info, stored, try await rows.providerKeys(provider), result), status: .created)
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let (selection, info, current) = try await oneKey(context)
        var fields = try await RequestFields(request, context: context)
        let key = fields.string("api_key", length: 1...4096)
        let read = ProviderKeyFields(&fields, current: current.settings)
        if let key { Self.check(key, &fields) }
        if info.defaultBaseURL == nil, read.settings.baseURL == nil { fields.fail("base_url", "is required for \(info.id)") }
        try fields.finish()
        try await check(read.settings.baseURL, info.id)
        var result: ConnectionTest.Result?
        // A change of label, weight or price says nothing new about the key.
        if key != nil || read.settings.baseURL != current.baseURL {
            let secret = if let key { key } else { try await opened(current, info, rows).key }
            result = try await KeyTrial(tests: tests(selection, context)).run(info, key: secret, id: current.id, read.settings, read.options)
        }
        let stored = try await rows.updateProviderKey(current.id, key: key, settings: read.settings, test: result.map(KeyTest.init))
        return .json(entry(info, stored, try await rows.providerKeys(info.id), result))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let (_, _, key) = try await oneKey(context)
        try await store.user(context.owner).deleteProviderKey(key.id)
        return .noContent
    }

    /// Tries the stored key against the provider and keeps what was found. A key that is refused is an
    /// answer, not an error.
    @Sendable func test(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let (selection, info, named) = try await target(context)
        guard !info.isManaged else { throw APIError.badRequest("\(info.id) is run by this server: see GET /ready") }
        let keys = try await rows.providerKeys(info.id)
        let key = keys.isEmpty ? nil : try await rows.providerKey(named?.id ?? info.id)
        var opened: OpenedKey?
        if let key { opened = try await self.opened(key, info, rows) }
        let (result, headers) = try await tests(selection, context).run(
            info, try ProviderEndpoint.endpoint(info, key: opened), model: request.uri.queryParameters["model"].map(String.init), key: key?.id,
            own: key?.prices ?? [])
        if let key {
            try await rows.recordKeyTest(key.id, KeyTest(result))
        } else {
            try await store.audit.record(.keyTest, target: info.id, of: context.owner, ["outcome": KeyTest(result).outcome])
        }
        return .json(result).adding(headers)
    }

    private func tests(_ selection: ProviderCatalog.Selection, _ context: OwnerContext) -> MeteredTest {
        MeteredTest(selection: selection, caller: caller, user: context.owner)
    }

    /// What `{provider}` names: a provider on offer, or one of the user's keys with its provider.
    /// - Parameter changes: whether the key is to be written anew, or deleted: then it need not be readable.
    private func target(_ context: OwnerContext, changes: Bool = false) async throws -> (ProviderCatalog.Selection, ProviderInfo, ProviderKey?) {
        let id = try context.parameters.require("provider")
        let key = id.hasPrefix("key_") ? try await self.key(id, context, changes: changes) : nil
        let provider = key?.provider ?? id
        let selection = try await catalog.selection(for: context.owner)
        guard let info = selection.info(provider) else { throw APIError.notFound("provider") }
        return (selection, info, key)
    }

    /// The one stored key that `{provider}` names, to be written anew or deleted.
    private func oneKey(_ context: OwnerContext) async throws -> (ProviderCatalog.Selection, ProviderInfo, ProviderKey) {
        let (selection, info, key) = try await target(context, changes: true)
        if let key { return (selection, info, key) }
        return (selection, info, try await self.key(info.id, context, changes: true))
    }

    private func key(_ reference: String, _ context: OwnerContext, changes: Bool) async throws -> ProviderKey {
        let rows = store.user(context.owner)
        return changes ? try await rows.providerKeyToChange(reference) : try await rows.providerKey(reference)
    }

    private func opened(_ key: ProviderKey, _ info: ProviderInfo, _ rows: UserStore) async throws -> OpenedKey {
        do { return try await rows.openProviderKey(key.id) } catch let error as KeyVault.Failure { throw ProviderEndpoint.unusable(error, info) }
    }

    private func entry(_ info: ProviderInfo, _ key: ProviderKey?, _ keys: [ProviderKey], _ test: ConnectionTest.Result? = nil) -> Entry {
        Entry(
            provider: info.id, name: info.name, needsKey: info.needsKey, defaultBaseURL: info.defaultBaseURL, key: key ?? keys.first, keys: keys,
            test: test)
    }

    /// A pasted key with a line break in it would fail later, as a broken header.
    private static func check(_ key: String, _ fields: inout RequestFields) {
        if key.contains(where: { $0.isWhitespace || $0.isNewline || !$0.isASCII }) {
            fields.fail("api_key", "must be one line of plain characters without spaces")
        }
    }

    private func check(_ url: String?, _ provider: String) async throws {
        guard let url else { return }
        do { try await addresses.check(url, provider: provider) } catch let error as ProviderError {
            throw APIError.invalid([.init(field: "base_url", code: error.kind.rawValue, message: error.message)])
        }
    }
}
