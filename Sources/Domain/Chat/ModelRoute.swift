/// A provider and a model of it.
public struct ModelRoute: Sendable, Codable, Equatable {
    public var provider: String
    public var model: String
    public init(provider: String, model: String) {
        self.provider = provider
        self.model = model
    }
}
