/// Which providers there are. Registration is a table; nothing else asks for a provider by name.
public struct ProviderRegistry: Sendable {
    private let table: [String: any Provider]
    /// In the order of registration.
    public let all: [ProviderInfo]

    /// - Precondition: no two providers share an id.
    public init(_ providers: [any Provider]) {
        all = providers.map(\.info)
        table = Dictionary(providers.map { ($0.info.id, $0) }) { first, _ in
            preconditionFailure("two providers are registered as \(first.info.id)")
        }
    }

    /// The provider registered as `id`.
    public subscript(id: String) -> (any Provider)? { table[id] }

    /// This registry and these behind it.
    /// - Precondition: no two providers share an id.
    public func adding(_ more: [any Provider]) -> ProviderRegistry {
        more.isEmpty ? self : ProviderRegistry(all.compactMap { table[$0.id] } + more)
    }

    /// Every provider of this module. `local` reaches the server's own model process, whose address
    /// no user sets, so the transport's address policy is lifted for it.
    public static func standard(transport: HTTPTransport = HTTPTransport()) -> ProviderRegistry {
        let compatible = VendorProfiles.all.map { profile in
            OpenAICompatible(profile: profile, transport: profile.info.isManaged ? transport.with(policy: .unrestricted) : transport)
        }
        return ProviderRegistry(
            compatible + [
                Anthropic(transport: transport),
                Ollama(transport: transport),
            ])
    }
}
