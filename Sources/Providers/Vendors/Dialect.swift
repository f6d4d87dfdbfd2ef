/// A way of speaking that a ``VendorDefinition`` can name. Each is declared in its own file.
public struct Dialect: Sendable {
    /// As in a definition's `dialect`.
    public let name: String
    /// How the key travels where a definition does not say.
    let auth: VendorDefinition.Auth
    /// Fields beyond the standard ones that are sent where a definition does not say.
    let extraFields: Set<String>
    /// The kinds a definition may choose, the default first.
    let embeddings: [VendorDefinition.Embeddings]
    /// Whether fields bear OpenAI's names, which a definition may then change.
    let takesRenames: Bool
    let make: @Sendable (VendorDefinition, HTTPTransport) -> any Provider

    public init(
        _ name: String, auth: VendorDefinition.Auth = .bearer, extraFields: Set<String> = [],
        embeddings: [VendorDefinition.Embeddings] = [.unavailable],
        takesRenames: Bool = false, make: @escaping @Sendable (VendorDefinition, HTTPTransport) -> any Provider
    ) {
        self.name = name
        self.auth = auth
        self.extraFields = extraFields
        self.embeddings = embeddings
        self.takesRenames = takesRenames
        self.make = make
    }

    /// Every dialect: a new one is one file and its name here.
    public static let all: [Dialect] = [.openAI, .anthropic, .ollama]
}
