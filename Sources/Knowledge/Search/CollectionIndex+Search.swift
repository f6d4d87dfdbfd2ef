import Foundation

extension CollectionIndex {
    /// Finds the passages that answer a query best.
    ///
    /// What fails costs only its own part, and `degraded` says why: without the embedder (it throws, or is
    /// not the model that made the vectors) words alone are searched, without the reranker the fused order
    /// stands, without the expander only the query itself is searched. A query without any word or sign
    /// finds nothing.
    ///
    /// - Parameters:
    ///   - vectorIndex: where vectors are asked instead of the collection's own files; it holds theirs (see
    ///     `load(into:)`).
    ///   - reranker: reads the best `options.rerank` chunks.
    ///   - expander: gives `options.variants` other forms of the query.
    /// - Throws: `CancellationError`; SQLite's error.
    public func search(
        _ query: String, embedder: any Embedder, vectorIndex: (any VectorIndex)? = nil, reranker: (any Reranker)? = nil,
        expander: (any QueryExpander)? = nil,
        options: SearchOptions = .init()
    ) async throws -> SearchReply {
        let start = ContinuousClock.now
        let options = options.normalised
        var run = try await SearchRun(self, query: query, options: options, vectorIndex: vectorIndex)
        var picker = PassagePicker(
            database: database, options: options,
            likeness: options.duplicateCosine == nil || run.extent.embedded == 0
                ? nil : Likeness(vectors: try vectors(count: run.extent.embedded), count: run.extent.embedded))
        if !query.allSatisfy(\.isWhitespace) {
            let fused = try await run.candidates(embedder: embedder, expander: expander)
            let ordered = try await run.rerank(fused, reranker)
            try await picker.pick(run.aboveThresholds(ordered))
        }
        let total = options.filter == nil ? run.extent.chunks : try database.chunkCount().last
        return SearchReply(
            passages: picker.passages, strategy: run.strategy, chunksSearched: run.extent.chunks, documentsSearched: run.extent.documents,
            milliseconds: (ContinuousClock.now - start) / .milliseconds(1),
            degraded: run.degraded.isEmpty ? nil : run.degraded.joined(separator: "; "), chunksEmbedded: min(run.extent.embedded, total),
            chunksTotal: total, reranked: run.reranked, duplicates: picker.duplicates, belowThreshold: run.belowThreshold,
            overBudget: picker.overBudget, variants: run.variants,
            embedder: run.vector == nil ? nil : self.summary.embedder.model)
    }
}
