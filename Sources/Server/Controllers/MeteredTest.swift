import Calls
import Domain
import Foundation
import Providers
import Store

/// Tries an endpoint. What asking a model costs is let in and recorded like every other request; a list of
/// models costs nothing.
struct MeteredTest: Sendable {
    let selection: ProviderCatalog.Selection
    let caller: ModelCaller
    /// Who pays.
    let user: String
    /// A greeting with what vendors put around it, and one token of the reply, which some take for a few.
    private static let most = TokenUsage(input: 16, output: 16)

    /// - Parameters:
    ///   - key: the stored key the endpoint has; nil for one that is not stored yet.
    ///   - own: what the key's account pays.
    /// - Returns: what was found, and the header fields a reply about it carries.
    /// - Throws: ``LimitExceeded``, ``ProviderError`` of kind `.budget`.
    func run(
        _ info: ProviderInfo, _ endpoint: Endpoint, model: String?, key: String?, own: [ModelPrice]
    ) async throws -> (ConnectionTest.Result, headers: [(String, String)]) {
        let tests = ConnectionTest(registry: selection.registry)
        func route(_ model: String) -> Route {
            Route(
                provider: info.id, model: model, endpoint: endpoint, keyID: key,
                price: OwnPrices.price(own, provider: info.id, model: model))
        }
        func price(_ model: String) -> Price? { selection.prices.paid(route(model)) }
        func priced(_ result: ConnectionTest.Result) -> ConnectionTest.Result {
            var result = result
            for index in result.models.indices { result.models[index].price = price(result.models[index].id) }
            return result
        }
        guard let model else { return (priced(await tests.test(provider: info.id, endpoint: endpoint)), []) }
        let price = price(model)
        let calls = try await caller.open(
            CallTargets(resolved: .init(routes: [route(model)]), selection: selection), user: user, minion: nil, usage: Self.most, purpose: "test")
        let began = Date()
        try calls.pass(route(model))
        let result = await tests.test(provider: info.id, endpoint: endpoint, model: model)
        // Given up without a record where nothing was used.
        if let usage = result.usage {
            calls.end(
                with: UsageRecord(
                    minionID: nil, answerID: nil, keyID: key, purpose: "test", provider: info.id, model: model, at: began,
                    inputTokens: usage.input, outputTokens: usage.output, cachedTokens: usage.cachedInput, cacheWriteTokens: usage.cacheWrite,
                    reasoningTokens: usage.reasoning, isEstimate: usage.isEstimate, cost: price?.cost(usage),
                    latencyMilliseconds: result.milliseconds, firstTokenMilliseconds: nil, outcome: Attempt.ok))
        }
        return (priced(result), calls.admission.headers)
    }
}
