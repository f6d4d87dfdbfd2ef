import Foundation
import LocalModels
import Providers
import Store

/// From a minion's provider and fallbacks to routes with addresses and keys.
struct RouteResolver: Sendable {
    let store: Store
    let registry: ProviderRegistry

    struct Resolved: Sendable {
        var routes: [Route] = []
        /// Providers that cannot be asked, with the reason.
        var left: [ProviderError] = []
    }

    /// - Parameter lease: a local server, where one of the routes is local.
    func resolve(_ minion: Minion, lease: AdapterServer.Lease?, scale: Double) async throws -> Resolved {
        var resolved = Resolved()
        let wanted = [ModelRoute(provider: minion.provider, model: minion.modelID)] + minion.fallbacks
        for (position, route) in wanted.enumerated() {
            do {
                resolved.routes.append(
                    try await self.route(
                        route, minion: minion, baseURL: position == 0 ? minion.baseURL : nil, lease: lease, scale: scale))
            } catch let error as ProviderError { resolved.left.append(error) }
        }
        return resolved
    }

    private func route(_ route: ModelRoute, minion: Minion, baseURL: String?, lease: AdapterServer.Lease?, scale: Double) async throws -> Route {
        guard let provider = registry[route.provider] else {
            throw ProviderError(.unsupported, provider: route.provider, message: "there is no provider \"\(route.provider)\"")
        }
        if provider.info.isManaged {
            guard let lease else { throw ProviderError(.connection, provider: "local", message: "the local model server cannot be started") }
            return LocalRoute.make(lease, scale: scale, timeLimit: .seconds(180))
        }
        let (endpoint, keyID) = try await ProviderEndpoint.open(provider.info, rows: store.user(minion.userID), baseURL: baseURL)
        return Route(provider: route.provider, model: route.model, endpoint: endpoint, keyID: keyID)
    }
}
