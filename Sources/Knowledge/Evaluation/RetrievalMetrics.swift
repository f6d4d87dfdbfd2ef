import Foundation

/// Measures of one ranked list against judgements, as trec_eval computes them.
public enum RetrievalMetrics {
    /// Normalised discounted cumulative gain of the first `cutoff` documents, 0 to 1: Σ gain / log2(rank + 1)
    /// over that of the ideal order (Järvelin and Kekäläinen 2002, with trec_eval's linear gain).
    ///
    /// - Parameters:
    ///   - ranking: distinct document names, best first.
    ///   - judgements: relevance by name; absent or ≤ 0 is not relevant.
    public static func ndcg(_ ranking: [String], judgements: [String: Int], cutoff: Int = 10) -> Double {
        func gain(_ relevances: some Sequence<Int>) -> Double {
            relevances.enumerated().reduce(0) { $0 + Double(max(0, $1.element)) / log2(Double($1.offset + 2)) }
        }
        let ideal = gain(judgements.values.sorted(by: >).prefix(cutoff))
        return ideal > 0 ? gain(ranking.prefix(cutoff).map { judgements[$0] ?? 0 }) / ideal : 0
    }

    /// Share of the relevant documents among the first `cutoff`, 0 to 1.
    public static func recall(_ ranking: [String], judgements: [String: Int], cutoff: Int) -> Double {
        let relevant = judgements.values.count { $0 > 0 }
        let found = ranking.prefix(cutoff).count { (judgements[$0] ?? 0) > 0 }
        return relevant > 0 ? Double(found) / Double(relevant) : 0
    }

    /// 1 / rank of the first relevant document, 0 if there is none.
    public static func reciprocalRank(_ ranking: [String], judgements: [String: Int]) -> Double {
        ranking.firstIndex { (judgements[$0] ?? 0) > 0 }.map { 1 / Double($0 + 1) } ?? 0
    }
}
