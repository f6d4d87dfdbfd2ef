import Domain

/// One vector per text, in the order of the texts.
public struct EmbedReply: Sendable, Equatable, Codable {
    public var vectors: [[Float]]
    /// The longest vector that is taken; the longest of the models there are has a tenth of it.
    static let maximumDimension = 65_536

    /// Absent where the vendor reports none, or one that cannot be.
    public var usage: TokenUsage?

    public init(vectors: [[Float]], usage: TokenUsage? = nil) {
        self.vectors = vectors
        self.usage = usage
    }

    /// The count `name` of `counts`.
    static func usage(_ counts: JSONValue?, _ name: String) -> TokenUsage? {
        guard let tokens = try? counts?.tokenCount(name) else { return nil }
        return TokenUsage(input: tokens, output: 0)
    }

    /// Reads `rows` as vectors and checks that there is one for each of `count` texts, all of one
    /// dimension, of at most ``maximumDimension``, and finite.
    /// - Throws: ``ProviderError`` of kind `.malformedReply`.
    static func vectors(_ rows: [JSONValue], count: Int, provider: String) throws -> [[Float]] {
        if let longest = rows.lazy.compactMap({ $0.arrayValue?.count }).max(), longest > maximumDimension {
            throw ProviderError(
                .malformedReply, provider: provider, message: "a vector has \(longest) dimensions; at most \(maximumDimension) are taken")
        }
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
