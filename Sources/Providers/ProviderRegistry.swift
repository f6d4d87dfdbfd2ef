/// Which providers there are. Registration is a table; nothing else asks for a provider by name.
public struct ProviderRegistry: Sendable {
    private var table: [String: any Provider]
    /// In the order of registration.
    public private(set) var all: [ProviderInfo]

    /// - Precondition: no two providers share an id.
    public init(_ providers: [any Provider]) {
        all = providers.map(\.info)
        table = Dictionary(providers.map { ($0.info.id, $0) }) { first, _ in
            preconditionFailure("two providers are registered as \(first.info.id)")
        }
    }

    /// The provider registered as `id`.
    public subscript(id: String) -> (any Provider)? { table[id] }

    /// Every vendor of ``VendorCatalog``.
    public static func standard(transport: HTTPTransport = HTTPTransport()) -> ProviderRegistry {
        ProviderRegistry(VendorCatalog.all.map { provider(for: $0, transport: transport) })
    }

    /// The provider that `vendor` describes. A managed one (`local`) is reached at an address no user
    /// sets, so the transport's address policy is lifted for it.
    /// - Precondition: the definition is valid: its dialect is one of `dialects`.
    public static func provider(for vendor: VendorDefinition, transport: HTTPTransport, dialects: [Dialect] = Dialect.all) -> any Provider {
        guard let dialect = dialects.first(where: { $0.name == vendor.dialect }) else {
            preconditionFailure("\(vendor.id) is of an unknown dialect: definitions are to be validated first")
        }
        return dialect.make(vendor, vendor.isManaged ? transport.with(policy: .unrestricted) : transport)
    }

    /// This registry with a user's own providers. One whose id is taken here is passed over, so that
    /// nobody can stand in for a known vendor.
    /// - Precondition: the definitions are valid.
    public func adding(_ definitions: [VendorDefinition], transport: HTTPTransport) -> ProviderRegistry {
        var registry = self
        for vendor in definitions where registry.table[vendor.id] == nil {
            registry.table[vendor.id] = Self.provider(for: vendor, transport: transport)
            registry.all.append(vendor.info)
        }
        return registry
    }
}
