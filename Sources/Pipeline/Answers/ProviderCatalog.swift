import Providers
import Store

/// Which providers a user can name: this server's, and those that are data, everybody's or the user's own.
public struct ProviderCatalog: Sendable {
    /// A definition that was turned into a provider.
    public struct Defined: Sendable {
        public var provider: any Provider
        /// They go over the price table.
        public var prices: [Price]

        public init(provider: any Provider, prices: [Price]) {
            self.provider = provider
            self.prices = prices
        }
    }

    /// What is wrong with a definition, all of it.
    public struct Invalid: Error, Sendable {
        public struct Problem: Sendable, Equatable {
            /// Within the definition, with dots.
            public var field: String?
            public var message: String

            public init(field: String?, message: String) {
                self.field = field
                self.message = message
            }
        }

        public var problems: [Problem]
        public init(_ problems: [Problem]) { self.problems = problems }
    }

    private let store: Store
    /// The providers of this build.
    public let standard: ProviderRegistry
    private let offered: Set<String>
    /// From a definition's JSON to a provider.
    /// - Throws: ``Invalid``.
    public let define: @Sendable (_ json: String) throws -> Defined

    /// - Parameter offered: ids of the standard providers that may be chosen; empty for all.
    public init(
        store: Store, standard: ProviderRegistry, offered: Set<String> = [], define: @escaping @Sendable (_ json: String) throws -> Defined
    ) {
        self.store = store
        self.standard = standard
        self.offered = offered.isEmpty ? Set(standard.all.map(\.id)) : offered
        self.define = define
    }

    /// What a user may choose from.
    public struct Selection: Sendable {
        public var registry: ProviderRegistry
        public var offered: Set<String>
        /// Of the defined ones.
        public var prices: [Price]

        /// The providers on offer, in the order of registration.
        public var infos: [ProviderInfo] { registry.all.filter { offered.contains($0.id) } }
        public func info(_ id: String) -> ProviderInfo? { offered.contains(id) ? registry[id]?.info : nil }
    }

    public func selection(for user: String) async throws -> Selection {
        let defined = try await store.user(user).definitions.visible().compactMap { definition -> Defined? in
            // One that a newer version no longer reads is as if it were not there; its owner still finds and mends it.
            guard standard[definition.provider] == nil, let defined = try? define(definition.definition) else { return nil }
            return defined.provider.info.id == definition.provider ? defined : nil
        }
        return Selection(
            registry: standard.adding(defined.map(\.provider)), offered: offered.union(defined.map(\.provider.info.id)),
            prices: defined.flatMap(\.prices))
    }

    /// The router a minion is asked with. Where all it names are standard providers, no definition is looked up.
    func router(for minion: Minion, from router: Router) async throws -> Router {
        let names = [minion.provider] + minion.fallbacks.map(\.provider)
        guard names.contains(where: { standard[$0] == nil }) else { return router }
        let selection = try await selection(for: minion.userID)
        return Router(registry: selection.registry, prices: router.prices.adding(selection.prices), retry: router.retry)
    }
}
