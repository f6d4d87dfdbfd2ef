import Domain
import Knowledge
import Store

/// An embedder that can be ended when the index is built.
public protocol IndexingEmbedder: Embedder {
    func stop() async
}

/// An embedder at a provider, as Knowledge sees it.
package struct ProviderEmbedder: IndexingEmbedder {
    /// Tokens of a chunk with title and headings, as the counter counts them: what the tightest of the usual models
    /// read (NVIDIA's, and the BERT family behind most compatible servers).
    private static let maxTokens = 512

    package let identity: EmbedderIdentity
    private let embedding: ProviderEmbedding
    private let account: ProviderEmbedding.Account
    /// Counts tokens: providers have no call for that. Chunks are therefore measured in our own model's vocabulary,
    /// whoever embeds them.
    private let counter: (any IndexingEmbedder)?

    /// For questions about a collection that was built with it.
    package init(asking embedding: ProviderEmbedding, identity: EmbedderIdentity, route: ModelRoute, userID: String, minionID: String?) {
        self.identity = identity
        self.embedding = embedding
        account = .init(route: route, userID: userID, minionID: minionID, patience: 0)
        counter = nil
    }

    /// For building a collection. Asks for one vector, since only that tells how long they are.
    package init(building embedding: ProviderEmbedding, route: ModelRoute, job: TrainingJob, counter: any IndexingEmbedder) async throws {
        self.embedding = embedding
        self.counter = counter
        account = .init(route: route, userID: job.userID, minionID: job.minionID, patience: 90)
        let vector = try await embedding.vectors(["dimension"], kind: .passage, for: account)[0]
        identity = EmbedderIdentity(model: route.embedderName, dimension: vector.count, maxTokens: Self.maxTokens)
    }

    package func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch {
        let vectors = try await embedding.vectors(texts, kind: kind, for: account)
        guard vectors.allSatisfy({ $0.count == identity.dimension }) else {
            throw KnowledgeError.embedderInvalid(
                reason: "\(identity.model) returns vectors of \(vectors.first?.count ?? 0) floats now, the collection has \(identity.dimension)")
        }
        return EmbeddingBatch(count: vectors.count, dimension: identity.dimension, values: Array(vectors.joined()))
    }

    package func tokenCounts(_ texts: [String]) async throws -> [Int] {
        guard let counter else { throw KnowledgeError.embedderInvalid(reason: "\(identity.model) counts no tokens") }
        return try await counter.tokenCounts(texts)
    }

    package func stop() async { await counter?.stop() }
}
