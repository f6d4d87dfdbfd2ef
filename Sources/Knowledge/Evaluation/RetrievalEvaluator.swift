import Foundation

/// Measures how well a collection answers judged queries, per strategy, through the same `search` that
/// users get.
public struct RetrievalEvaluator: Sendable {
    private let judgements: RetrievalJudgements
    private let recallCutoff: Int

    /// - Parameter recallCutoff: documents looked at for recall and reciprocal rank.
    public init(judgements: RetrievalJudgements, recallCutoff: Int = 100) {
        self.judgements = judgements
        self.recallCutoff = recallCutoff
    }

    /// One report per strategy. A document's rank is that of its best chunk.
    ///
    /// - Parameter options: `k` and `strategy` are replaced; with `rerank` or `variants` the reports measure
    ///   those too, and say so.
    /// - Throws: what `CollectionIndex.search` throws.
    public func evaluate(
        _ index: CollectionIndex, embedder: any Embedder, reranker: (any Reranker)? = nil, expander: (any QueryExpander)? = nil,
        strategies: [SearchStrategy] = SearchStrategy.allCases, options: SearchOptions = .init()
    ) async throws -> [RetrievalReport] {
        var reports: [RetrievalReport] = []
        for strategy in strategies {
            var options = options
            options.strategy = strategy
            // No deeper than a search looks anyway: more candidates would measure another fusion.
            options.k = max(options.candidates, recallCutoff)
            var report = RetrievalReport(
                strategy: strategy, reranked: options.rerank, variants: options.variants, queries: judgements.queries.count, ndcgAt10: 0, recall: 0,
                recallCutoff: recallCutoff, mrr: 0,
                milliseconds: 0, degraded: 0)
            for query in judgements.queries {
                try Task.checkCancellation()
                let reply = try await index.search(query.text, embedder: embedder, reranker: reranker, expander: expander, options: options)
                var seen: Set<String> = []
                let ranking = reply.passages.map(\.document).filter { seen.insert($0).inserted }
                report.ndcgAt10 += RetrievalMetrics.ndcg(ranking, judgements: query.judgements)
                report.recall += RetrievalMetrics.recall(ranking, judgements: query.judgements, cutoff: recallCutoff)
                report.mrr += RetrievalMetrics.reciprocalRank(Array(ranking.prefix(recallCutoff)), judgements: query.judgements)
                report.milliseconds += reply.milliseconds
                report.degraded += reply.degraded == nil ? 0 : 1
            }
            let count = Double(max(1, judgements.queries.count))
            report.ndcgAt10 /= count
            report.recall /= count
            report.mrr /= count
            report.milliseconds /= count
            reports.append(report)
        }
        return reports
    }
}
