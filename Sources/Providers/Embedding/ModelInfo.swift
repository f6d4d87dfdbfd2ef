import Domain

/// One entry of a vendor's model list.
public struct ModelInfo: Sendable, Equatable, Codable {
    /// The id to put into a request.
    public var id: String
    /// Tokens that fit into prompt and reply together, where the vendor says.
    public var contextLength: Int?
    /// What it costs whoever asked, where that is known.
    public var price: Price?

    public init(id: String, contextLength: Int? = nil, price: Price? = nil) {
        self.id = id
        self.contextLength = contextLength
        self.price = price
    }
}
