/// One vector per text, in the order of the texts.
public struct EmbedReply: Sendable, Equatable, Codable {
    public var vectors: [[Float]]
    /// Absent where the vendor reports none.
    public var usage: TokenUsage?

    public init(vectors: [[Float]], usage: TokenUsage? = nil) {
        self.vectors = vectors
        self.usage = usage
    }

    /// Reads `rows` as vectors and checks that there is one for each of `count` texts, all of one
    /// dimension and finite.
    /// - Throws: ``ProviderError`` of kind `.malformedReply`.
    static func vectors(_ rows: [JSONValue], count: Int, provider: String) throws -> [[Float]] {
        let vectors = rows.map { row in (row.arrayValue ?? []).compactMap { $0.doubleValue.map(Float.init) } }
        guard vectors.count == count, let width = vectors.first?.count ?? (count == 0 ? 0 : nil),
            zip(vectors, rows).allSatisfy({ $0.count == width && $0.count == $1.arrayValue?.count && $0.allSatisfy(\.isFinite) }),
            width > 0 || count == 0
        else {
            throw ProviderError(.malformedReply, provider: provider, message: "expected \(count) vectors of one dimension, got \(vectors.count)")
        }
        return vectors
    }
}
