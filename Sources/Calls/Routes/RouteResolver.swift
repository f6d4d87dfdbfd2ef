import Domain
import Foundation
import LocalModels
import Providers
import Store

/// From a minion's provider and fallbacks to routes with addresses and keys: one for each active key,
/// those of one provider and model in one group.
package struct RouteResolver: Sendable {
    let store: Store
    let registry: ProviderRegistry

    package init(store: Store, registry: ProviderRegistry) {
        self.store = store
        self.registry = registry
    }

    package struct Resolved: Sendable {
        package var routes: [Route] = []
        /// Providers that cannot be asked, with the reason.
        package var left: [ProviderError] = []
        /// Whether a model of this server's own is among what was asked for, be there a lease for it or not.
        package var isLocalToo = false

        package init(routes: [Route] = [], left: [ProviderError] = [], isLocalToo: Bool = false) {
            self.routes = routes
            self.left = left
            self.isLocalToo = isLocalToo
        }
    }

    /// - Parameter lease: a local server, where one of the routes is local.
    package func resolve(_ minion: Minion, lease: AdapterServer.Lease?, scale: Double) async throws -> Resolved {
        var resolved = Resolved()
        let wanted = [ModelRoute(provider: minion.provider, model: minion.modelID)] + minion.fallbacks
        for (position, route) in wanted.enumerated() {
            if registry[route.provider]?.info.isManaged ?? false { resolved.isLocalToo = true }
            do {
                var routes = try await self.routes(
                    route, minion: minion, baseURL: position == 0 ? minion.baseURL : nil, lease: lease, scale: scale)
                for index in routes.indices { routes[index].group = position }
                resolved.routes += routes
            } catch let error as ProviderError { resolved.left.append(error) }
        }
        return resolved
    }

    /// - Parameter lease: nil where no server could be started.
    package static func local(
        _ lease: AdapterServer.Lease?, for user: String, scale: Double, decoding: LocalRoute.Decoding = .answering
    ) throws(ProviderError) -> Route {
        guard let lease else { throw ProviderError(.connection, provider: "local", message: "the local model server cannot be started") }
        return LocalRoute.make(lease, for: user, scale: scale, timeLimit: .seconds(180), decoding: decoding)
    }

    private func routes(_ route: ModelRoute, minion: Minion, baseURL: String?, lease: AdapterServer.Lease?, scale: Double) async throws -> [Route] {
        guard let provider = registry[route.provider] else {
            throw ProviderError(.unsupported, provider: route.provider, message: "there is no provider \"\(route.provider)\"")
        }
        if provider.info.isManaged {
            return [try Self.local(lease, for: minion.userID, scale: scale)]
        }
        return try await ProviderEndpoint.choices(provider.info, rows: store.user(minion.userID), baseURL: baseURL).map { choice in
            Route(
                provider: route.provider, model: route.model, endpoint: choice.endpoint, keyID: choice.key?.id, weight: choice.key?.weight ?? 1,
                maxConcurrent: choice.key?.maxConcurrent,
                price: OwnPrices.price(choice.key?.prices ?? [], provider: route.provider, model: route.model))
        }
    }
}
