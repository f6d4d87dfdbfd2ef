import Domain

/// Turns texts into vectors. Implemented outside this module (a local engine, a vendor's API).
public protocol Embedder: Sendable {
    /// The model behind it; constant for the life of the value.
    var identity: EmbedderIdentity { get }

    /// One L2-normalised vector per text, in the same order. An input longer than
    /// `identity.maxTokens` is cut at its end.
    func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch

    /// Tokens per text in the model's own vocabulary, untruncated. Special tokens may be included:
    /// callers that need the bare count subtract the count of the empty text.
    func tokenCounts(_ texts: [String]) async throws -> [Int]
}
