import Domain
import Foundation
import Knowledge

/// A deterministic embedder: hashed words, summed and normalised. Texts that share words are close.
struct HashingEmbedder: Embedder {
    var identity = EmbedderIdentity(model: "hashing", dimension: 48, maxTokens: 512)
    /// Called before each `embed` of passages with the number of texts; may throw.
    var beforeEmbedding: @Sendable (Int) async throws -> Void = { _ in }
    /// Called before each count; may throw.
    var beforeCounting: @Sendable () async throws -> Void = {}

    func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch {
        if kind == .passage { try await beforeEmbedding(texts.count) }
        var values: [Float] = []
        for text in texts { values += vector(text) }
        return EmbeddingBatch(count: texts.count, dimension: identity.dimension, values: values)
    }

    func tokenCounts(_ texts: [String]) async throws -> [Int] {
        try await beforeCounting()
        return texts.map { Self.tokens($0) + 2 }
    }

    /// Words of up to 8 bytes; two special tokens are added to counts, as real tokenizers do.
    static func tokens(_ text: String) -> Int {
        text.utf8.split { $0 <= 0x20 }.reduce(0) { $0 + ($1.count + 7) / 8 }
    }

    private func vector(_ text: String) -> [Float] {
        var vector = [Float](repeating: 0, count: identity.dimension)
        vector[0] = 0.01
        for word in text.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            // FNV-1a: Swift's own hash differs from run to run.
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in word.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            vector[Int(hash % UInt64(identity.dimension))] += hash & 0x8000_0000 == 0 ? 1 : -1
        }
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }
}
