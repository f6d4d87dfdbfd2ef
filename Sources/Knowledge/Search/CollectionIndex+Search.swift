import Foundation

extension CollectionIndex {
    /// Finds the passages that answer a query best.
    ///
    /// When the dense half fails (the embedder throws, or is not the model that made the vectors) the
    /// search goes on with words alone and says so in `degraded`. A query without any word or sign finds
    /// nothing.
    ///
    /// - Throws: `CancellationError`; SQLite's error.
    public func search(_ query: String, embedder: any Embedder, options: SearchOptions = .init()) async throws -> SearchReply {
        let start = ContinuousClock.now
        let options = options.normalised
        let isBlank = query.allSatisfy(\.isWhitespace)
        var strategy = options.strategy
        var degraded: String?
        var lists: [ReciprocalRankFusion.List] = []
        if !isBlank {
            if strategy != .lexical {
                do {
                    let chunks = try await dense(query, embedder: embedder, limit: options.candidates)
                    lists.append(.init(name: "dense", weight: options.denseWeight, chunks: chunks))
                } catch let error where !(error is CancellationError) && !Task.isCancelled {
                    degraded = "Searched by words only: \(error)"
                    strategy = .lexical
                }
            }
            if strategy != .dense, let expression = LexicalQuery.expression(query) {
                let chunks = try await database.lexical(expression, limit: options.candidates)
                lists.append(.init(name: "lexical", weight: options.lexicalWeight, chunks: chunks))
            }
        }
        let fused = ReciprocalRankFusion.fuse(lists, k: options.rrfK).prefix(options.k)
        let chunks = try await database.chunks(fused.map(\.chunk.number))
        let passages = fused.compactMap { entry in chunks[entry.chunk.number].map { Passage($0, entry) } }
        return SearchReply(
            passages: passages, strategy: strategy, chunksSearched: summary.chunks, documentsSearched: summary.documents,
            milliseconds: (ContinuousClock.now - start) / .milliseconds(1), degraded: degraded)
    }

    private func dense(_ query: String, embedder: any Embedder, limit: Int) async throws -> [RankedChunk] {
        let identity = embedder.identity
        guard identity.isComparable(with: summary.embedder) else {
            throw KnowledgeError.embedderInvalid(
                reason: "the collection was built with \(summary.embedder.model) (\(summary.embedder.dimension) dimensions), "
                    + "the running embedder is \(identity.model) (\(identity.dimension)); build a new version of the collection")
        }
        let batch = try await embedder.embed([query], kind: .query)
        try batch.validate(count: 1, identity: identity)
        return await VectorScan(vectors: vectors).search(batch.values, limit: limit)
    }
}

extension Passage {
    init(_ chunk: Chunk, _ fused: ReciprocalRankFusion.Fused) {
        self.init(
            chunkID: chunk.id, document: chunk.document, title: chunk.title, headings: chunk.headings, text: chunk.text,
            startByte: chunk.startByte, endByte: chunk.endByte, score: fused.chunk.score, signals: fused.signals)
    }
}
