/// What has a circuit, slots and a pace of its own: one key at one address of one provider.
struct HealthKey: Sendable, Hashable {
    /// A stored key by its id; one without an id by itself, which never leaves memory.
    enum Identity: Sendable, Hashable {
        case stored(String)
        case given(Secret)
        case none
    }

    var provider: String
    var baseURL: String
    var key: Identity

    init(_ route: Route) {
        provider = route.provider
        baseURL = route.endpoint.baseURL
        key = route.keyID.map(Identity.stored) ?? route.endpoint.key.map(Identity.given) ?? .none
    }
}
