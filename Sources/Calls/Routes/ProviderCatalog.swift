import Foundation
import Providers
import Store

/// Which providers a user can name: this server's, and those that are data, everybody's or the user's own.
public struct ProviderCatalog: Sendable {
    private let store: Store
    /// The providers of this build.
    public let standard: ProviderRegistry
    private let offered: Set<String>
    private let transport: HTTPTransport
    /// Of requests that name standard providers alone.
    package let prices: PriceBook

    /// - Parameters:
    ///   - offered: ids of the standard providers that may be chosen; empty for all.
    ///   - transport: for defined providers; its address policy is what holds them.
    ///   - prices: the operator's.
    public init(
        store: Store, standard: ProviderRegistry, offered: Set<String> = [], transport: HTTPTransport, prices: PriceTable = .standard
    ) {
        self.prices = PriceBook(prices)
        self.store = store
        self.standard = standard
        self.offered = offered.isEmpty ? Set(standard.all.map(\.id)) : offered
        self.transport = transport
    }

    /// What a user may choose from.
    public struct Selection: Sendable {
        public var registry: ProviderRegistry
        public var offered: Set<String>
        /// With those of the definitions.
        public var prices: PriceBook

        /// The providers on offer, in the order of registration.
        public var infos: [ProviderInfo] { registry.all.filter { offered.contains($0.id) } }
        public func info(_ id: String) -> ProviderInfo? { offered.contains(id) ? registry[id]?.info : nil }
    }

    public func selection(for user: String) async throws -> Selection {
        let rows = try await store.user(user).definitions.all()
        let defined = rows.visible.compactMap(vendor)
        return Selection(
            registry: standard.adding(defined, transport: transport), offered: offered.union(defined.map(\.id)),
            prices: PriceBook(
                paid: prices.paid.adding(defined.flatMap(\.prices)),
                known: rows.visible.contains { $0.userID != nil } ? prices.paid.adding(rows.shared.compactMap(vendor).flatMap(\.prices)) : nil))
    }

    /// One that this version does not read, or whose id is a standard provider's by now, is as if it were not there; its
    /// owner still finds and mends it.
    private func vendor(_ row: ProviderDefinition) -> VendorDefinition? {
        guard standard[row.provider] == nil else { return nil }
        let vendor = try? JSONDecoder().decode(VendorDefinition.self, from: Data(row.definition.utf8))
        return vendor?.id == row.provider ? vendor : nil
    }

    /// What a minion needs beyond the standard providers: nil where all it names are standard, and then
    /// no definition is looked up.
    package func selection(for minion: Minion) async throws -> Selection? {
        let names = [minion.provider] + minion.fallbacks.map(\.provider)
        guard names.contains(where: { standard[$0] == nil }) else { return nil }
        return try await selection(for: minion.userID)
    }
}

extension Router {
    /// This router for work that nobody waits for.
    package var patient: Router { Router(registry: registry, prices: prices, retry: .background, timeouts: timeouts, health: health) }

    /// This router for what is late when it has to be asked again: it is given up instead.
    package var single: Router { Router(registry: registry, prices: prices, retry: .never, timeouts: .standard, health: health) }

    /// This router for what an answer can do without: no vendor is waited for.
    var hasty: Router {
        var retry = retry
        retry.heeds = 0
        return Router(registry: registry, prices: prices, retry: retry, timeouts: timeouts, health: health)
    }

    /// This router with a user's providers and their prices.
    package func with(_ selection: ProviderCatalog.Selection) -> Router {
        Router(registry: selection.registry, prices: selection.prices.paid, retry: retry, timeouts: timeouts, health: health)
    }
}
