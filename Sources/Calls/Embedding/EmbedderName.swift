import Domain
import Knowledge
import Store

extension EmbedderIdentity {
    /// The model of a provider behind it; nil for this server's own. A provider's id holds no slash, and the
    /// name of our own model neither.
    package var route: ModelRoute? {
        guard let slash = model.firstIndex(of: "/") else { return nil }
        return ModelRoute(provider: String(model[..<slash]), model: String(model[model.index(after: slash)...]))
    }
}

extension ModelRoute {
    /// What collections and traces call an embedder at a provider.
    package var embedderName: String { "\(provider)/\(model)" }
}
