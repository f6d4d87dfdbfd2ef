/// Texts to turn into vectors.
public struct EmbedRequest: Sendable, Equatable, Codable {
    /// Some models embed a question and a passage differently; vendors that do not ignore it.
    public enum Kind: String, Sendable, Codable { case query, passage }

    public var model: String
    public var texts: [String]
    public var kind: Kind

    public init(model: String, texts: [String], kind: Kind = .passage) {
        self.model = model
        self.texts = texts
        self.kind = kind
    }

    /// Bytes a reply may have: vectors of 8,192 numbers at 32 characters each, and no more than 64 MiB of them.
    var replyLimit: Int { (1 << 20) + min(texts.count, 252) * (256 << 10) }
}
