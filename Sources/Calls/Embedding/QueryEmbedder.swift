import Domain
import Foundation
import Knowledge
import LocalModels
import Logging

/// The engine's embedder as Knowledge sees it.
public struct EngineEmbedder: IndexingEmbedder, Reranker {
    let engine: EmbeddingEngine

    public init(_ engine: EmbeddingEngine) { self.engine = engine }

    public var identity: EmbedderIdentity {
        EmbedderIdentity(model: engine.info.model, dimension: engine.info.dimension, maxTokens: engine.info.maxTokens)
    }

    public func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch {
        EmbeddingBatch(count: texts.count, dimension: engine.info.dimension, values: try await engine.embed(texts, kind: kind.rawValue))
    }

    public func tokenCounts(_ texts: [String]) async throws -> [Int] { try await engine.tokenCounts(texts) }

    public func scores(_ query: String, _ texts: [String]) async throws -> [Float] { try await engine.rerank(query, texts) }

    public func stop() async { await engine.stop() }
}

/// The embedder for questions: its own process, so that a question never waits behind an index
/// being built. Started with the first question; where it cannot start, search is lexical and says so.
public actor QueryEmbedder {
    private let paths: EnginePaths
    private let logger: Logger
    private var starting: Task<EngineEmbedder, any Error>?
    /// For those who embed many texts: a batch of theirs at a time, of each user in turn, so that a question waits for
    /// one batch at most.
    nonisolated let batches = FairGate("embeddings", places: 1, mostWaiting: 64)

    public init(paths: EnginePaths, logger: Logger) {
        self.paths = paths
        self.logger = logger
    }

    /// The model's name, known before it is started.
    public nonisolated var model: String { paths.embedder.lastPathComponent }

    /// - Parameters:
    ///   - vectors: asked in place of the collection's own files.
    ///   - remote: the collection's embedder, where that is not the one here.
    ///   - expander: gives other forms of the question.
    public func search(
        _ index: CollectionIndex, _ query: String, vectors: (any VectorIndex)? = nil, remote: (any Embedder)? = nil,
        expander: (any QueryExpander)? = nil, options: SearchOptions
    ) async throws -> SearchReply {
        if let remote {
            let reranker = options.rerank > 0 ? try? await self.engine() : nil
            return try await index.search(
                query, embedder: remote, vectorIndex: vectors, reranker: reranker, expander: expander, options: options)
        }
        let engine: EngineEmbedder
        do { engine = try await self.engine() } catch {
            let none = UnavailableEmbedder(identity: index.summary.embedder, cause: error)
            return try await index.search(query, embedder: none, reranker: none, expander: expander, options: options)
        }
        return try await index.search(query, embedder: engine, vectorIndex: vectors, reranker: engine, expander: expander, options: options)
    }

    /// Starts it before it is needed.
    public func engine() async throws -> EngineEmbedder {
        if let starting { return try await starting.value }
        let task = Task { [paths, logger] in EngineEmbedder(try await EmbeddingEngine.start(paths: paths, logger: logger)) }
        starting = task
        do { return try await task.value } catch {
            starting = nil
            throw error
        }
    }

    public func stop() async {
        let running = try? await starting?.value
        starting = nil
        await running?.stop()
    }
}

/// Stands in where no embedder runs: every call says why.
private struct UnavailableEmbedder: Embedder, Reranker {
    var identity: EmbedderIdentity
    var cause: any Error
    func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch { throw cause }
    func tokenCounts(_ texts: [String]) async throws -> [Int] { throw cause }
    func scores(_ query: String, _ texts: [String]) async throws -> [Float] { throw cause }
}
