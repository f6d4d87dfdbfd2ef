import Foundation
import Hummingbird
import Pipeline
import Providers
import Store

/// `/api/users/{user_id}/providers`: the providers on offer and the user's keys for them.
struct ProvidersController: Sendable {
    let store: Store
    let registry: ProviderRegistry
    let offered: Set<String>
    let addresses: AddressPolicy
    let meter: Meter

    /// A provider, with what the user has stored for it.
    private struct Entry: Encodable {
        var provider: String
        var name: String
        var needsKey: Bool
        var defaultBaseURL: String?
        var key: ProviderKey?
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
        let keys = Dictionary(uniqueKeysWithValues: try await store.user(context.owner).providerKeys().map { ($0.provider, $0) })
        let entries = registry.all.filter { offered.contains($0.id) }.map { entry($0, keys[$0.id]) }
        return .json(Page(items: entries, nextCursor: nil))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        let info = try info(context)
        let keys = try await store.user(context.owner).providerKeys()
        return .json(entry(info, keys.first { $0.provider == info.id }))
    }

    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context)
        let provider = fields.required("provider", length: 1...60)
        let info = registry.all.first { $0.id == provider && offered.contains($0.id) }
        if !provider.isEmpty, info == nil {
            fields.fail("provider", "\"\(provider)\" is not a provider here", hint: "known: \(offered.sorted().joined(separator: ", "))")
        }
        let key = info?.needsKey == true ? fields.required("api_key", length: 1...4096) : fields.string("api_key", length: 0...4096) ?? ""
        let baseURL = fields.string("base_url", length: 1...500)
        if info?.isManaged == true { fields.fail("provider", "\(provider) is run by this server: it has neither a key nor a base_url") }
        if let info, !info.isManaged, info.defaultBaseURL == nil, baseURL == nil { fields.fail("base_url", "is required for \(provider)") }
        Self.check(key, &fields)
        try fields.finish()
        try await check(baseURL, provider)
        let stored = try await store.user(context.owner).createProviderKey(provider, key: key, baseURL: baseURL)
        try await store.audit.record(actor: context.caller.id, action: "provider_key.create", target: provider)
        return .json(entry(info!, stored), status: .created)
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let info = try info(context)
        let rows = store.user(context.owner)
        let current = try await rows.providerKey(info.id)
        var fields = try await RequestFields(request, context: context)
        let key = fields.string("api_key", length: 1...4096)
        let given = fields.string("base_url", length: 0...500)
        let baseURL = given ?? (fields.mentions("base_url") ? nil : current.baseURL)
        let isActive = fields.bool("is_active") ?? current.isActive
        if let key { Self.check(key, &fields) }
        try fields.finish()
        let url = baseURL == "" ? nil : baseURL
        try await check(url, info.id)
        let stored = try await rows.updateProviderKey(info.id, key: key, baseURL: url, isActive: isActive)
        try await store.audit.record(actor: context.caller.id, action: "provider_key.update", target: info.id)
        return .json(entry(info, stored))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let info = try info(context)
        try await store.user(context.owner).deleteProviderKey(info.id)
        try await store.audit.record(actor: context.caller.id, action: "provider_key.delete", target: info.id)
        return .noContent
    }

    /// Tries the stored key against the provider. A key that is refused is an answer, not an error.
    @Sendable func test(_ request: Request, context: OwnerContext) async throws -> Response {
        let info = try info(context)
        guard !info.isManaged else { throw APIError.badRequest("\(info.id) is run by this server: see GET /ready") }
        let (endpoint, keyID) = try await ProviderEndpoint.open(info, rows: store.user(context.owner))
        let tests = ConnectionTest(registry: registry)
        guard let model = request.uri.queryParameters["model"].map(String.init) else {
            return .json(await tests.test(provider: info.id, endpoint: endpoint, model: nil))
        }
        // Asking a model costs, if little: it is let in and recorded like every other request.
        let cost = meter.prices.cost(provider: info.id, model: model, usage: TokenUsage(input: 8, output: 8))
        let admission = try await meter.admit(user: context.owner, minion: nil, tokens: 16, cost: cost)
        try meter.gate(admission)(Route(provider: info.id, model: model, endpoint: endpoint, keyID: keyID))
        let began = Date()
        let result = await tests.test(provider: info.id, endpoint: endpoint, model: model)
        meter.settle(admission, Self.records(result, provider: info.id, model: model, keyID: keyID, at: began, prices: meter.prices))
        return .json(result).adding(admission.headers)
    }

    private static func records(_ result: ConnectionTest.Result, provider: String, model: String, keyID: String?, at: Date, prices: PriceTable)
        -> [UsageRecord]
    {
        guard let usage = result.usage else { return [] }
        return [
            UsageRecord(
                minionID: nil, answerID: nil, keyID: keyID, purpose: "test", provider: provider, model: model, at: at, inputTokens: usage.input,
                outputTokens: usage.output, cachedTokens: usage.cachedInput, cacheWriteTokens: usage.cacheWrite, reasoningTokens: usage.reasoning,
                isEstimate: usage.isEstimate, cost: prices.cost(provider: provider, model: model, usage: usage),
                latencyMilliseconds: result.milliseconds, firstTokenMilliseconds: nil, outcome: Attempt.ok)
        ]
    }

    private func info(_ context: OwnerContext) throws -> ProviderInfo {
        let id = try context.parameters.require("provider")
        guard let info = registry.all.first(where: { $0.id == id && offered.contains(id) }) else { throw APIError.notFound("provider") }
        return info
    }

    private func entry(_ info: ProviderInfo, _ key: ProviderKey?) -> Entry {
        Entry(provider: info.id, name: info.name, needsKey: info.needsKey, defaultBaseURL: info.defaultBaseURL, key: key)
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
