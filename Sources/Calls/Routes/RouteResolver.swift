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
        package var left: [(rank: Int, error: ProviderError)] = []
        /// The ranks of models that this server runs itself: a place there is leased when it is needed.
        package var locals: [Int] = []

        package var isLocalToo: Bool { !locals.isEmpty }

        package init(routes: [Route] = [], left: [(rank: Int, error: ProviderError)] = [], locals: [Int] = []) {
            self.routes = routes
            self.left = left
            self.locals = locals
        }

        /// With this server's own models behind a lease, each at its rank.
        /// - Parameter lease: nil where no server could be started.
        package func leased(_ lease: AdapterServer.Lease?, for user: String, scale: Double) -> Resolved {
            var resolved = Resolved(routes: routes, left: left)
            for rank in locals {
                do throws(ProviderError) {
                    var route = try RouteResolver.local(lease, for: user, scale: scale)
                    route.group = rank
                    resolved.routes.append(route)
                } catch { resolved.left.append((rank, error)) }
            }
            resolved.left.sort { $0.rank < $1.rank }
            if locals.count < resolved.routes.count { resolved.routes.sort { $0.group < $1.group } }
            return resolved
        }

        /// - Throws: ``RouterError`` where there is no route.
        package func usable(_ minion: Minion) throws -> [Route] {
            guard routes.isEmpty else { return routes }
            throw RouterError(
                attempts: [], last: left.first?.error ?? ProviderError(.unsupported, provider: minion.provider, message: "no provider"))
        }
    }

    package func resolve(_ minion: Minion) async throws -> Resolved {
        var resolved = Resolved()
        let wanted = [ModelRoute(provider: minion.provider, model: minion.modelID)] + minion.fallbacks
        for (position, route) in wanted.enumerated() {
            if registry[route.provider]?.info.isManaged ?? false {
                resolved.locals.append(position)
                continue
            }
            do {
                var routes = try await self.routes(route, minion: minion, baseURL: position == 0 ? minion.baseURL : nil)
                for index in routes.indices { routes[index].group = position }
                resolved.routes += routes
            } catch let error as ProviderError { resolved.left.append((position, error)) }
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

    private func routes(_ route: ModelRoute, minion: Minion, baseURL: String?) async throws -> [Route] {
        guard let provider = registry[route.provider] else {
            throw ProviderError(.unsupported, provider: route.provider, message: "there is no provider \"\(route.provider)\"")
        }
        return try await Self.routes(route, provider.info, rows: store.user(minion.userID), baseURL: baseURL)
    }

    /// One route for each active key of the user.
    static func routes(_ route: ModelRoute, _ info: ProviderInfo, rows: UserStore, baseURL: String?) async throws -> [Route] {
        try await ProviderEndpoint.choices(info, rows: rows, baseURL: baseURL).map { choice in
            Route(
                provider: route.provider, model: route.model, endpoint: choice.endpoint, keyID: choice.key?.id, weight: choice.key?.weight ?? 1,
                maxConcurrent: choice.key?.maxConcurrent,
                price: OwnPrices.price(choice.key?.prices ?? [], provider: route.provider, model: route.model))
        }
    }
}
