import Foundation
import Knowledge
import Logging
import Store

/// The vector server that the operator runs beside the collections' own files (ChromaDB). The rows here
/// say whose a collection is; the server is asked only for what they allow.
///
/// It holds copies: where it does not answer, or not with all of a collection, the files here are searched.
public actor VectorServer {
    private let exchange: any HTTPExchange
    private let logger: Logger
    /// Collections that were looked at and found whole.
    private var open: [String: ChromaVectorIndex] = [:]

    public init(exchange: any HTTPExchange, logger: Logger) {
        self.exchange = exchange
        self.logger = logger
    }

    /// The vectors of a finished version, or why the files here must do.
    public func index(_ collection: Collection, version: Int, user: String, chunks: Int) async -> (index: (any VectorIndex)?, reason: String?) {
        let name = ChromaVectorIndex.name(user: user, collection: collection.id, version: version)
        if let known = open[name] { return (known, nil) }
        do {
            let index = try await ChromaVectorIndex(exchange, name: name, dimension: collection.dimension)
            let count = try await index.count()
            guard count == chunks else { return (nil, "the vector server has \(count) of \(chunks) vectors, so the files here were searched") }
            // Bounded; what is let go of is only looked at again.
            if open.count >= 1024 { open.removeAll() }
            open[name] = index
            return (index, nil)
        } catch {
            logger.warning("the vector server cannot be used: \(error)")
            return (nil, "the vector server cannot be reached, so the files here were searched")
        }
    }

    /// Looks at a version again before the next search.
    package func forget(_ collection: String, version: Int, user: String) {
        open[ChromaVectorIndex.name(user: user, collection: collection, version: version)] = nil
    }

    /// Copies a finished version into the server.
    /// - Throws: `KnowledgeError.vectorServer`; the exchange's error.
    public func load(_ index: CollectionIndex, collection: String, version: Int, user: String) async throws {
        let name = ChromaVectorIndex.name(user: user, collection: collection, version: version)
        let target = try await ChromaVectorIndex(exchange, name: name, dimension: index.summary.embedder.dimension)
        try await index.load(into: target)
    }

    /// Deletes versions; one that is not there is none of its business, and one that cannot be deleted now is told in the log.
    public func remove(_ collection: String, versions: ClosedRange<Int>, user: String) async {
        for version in versions {
            let name = ChromaVectorIndex.name(user: user, collection: collection, version: version)
            open[name] = nil
            do { try await ChromaVectorIndex.destroy(name, exchange) } catch { logger.warning("the vector server has not deleted \(name): \(error)") }
        }
    }
}
