/// One entry of a vendor's model list.
public struct ModelInfo: Sendable, Equatable, Codable {
    /// The id to put into a request.
    public var id: String
    /// Tokens that fit into prompt and reply together, where the vendor says.
    public var contextLength: Int?

    public init(id: String, contextLength: Int? = nil) {
        self.id = id
        self.contextLength = contextLength
    }
}
