import Domain

/// Texts to turn into vectors.
public struct EmbedRequest: Sendable, Equatable, Codable {
    public var model: String
    public var texts: [String]
    /// Vendors that make no difference ignore it.
    public var kind: EmbedKind

    public init(model: String, texts: [String], kind: EmbedKind = .passage) {
        self.model = model
        self.texts = texts
        self.kind = kind
    }

    /// Bytes a reply may have: vectors of 8,192 numbers at 32 characters each, and no more than 64 MiB of them.
    var replyLimit: Int { (1 << 20) + min(texts.count, 252) * (256 << 10) }
}
