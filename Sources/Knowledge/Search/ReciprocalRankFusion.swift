/// Joins ranked lists by rank alone, because cosine and BM25 live on scales that cannot be compared.
///
/// score(d) = Σ weight / (k + rank(d)); Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms
/// Condorcet and individual rank learning methods", SIGIR 2009.
enum ReciprocalRankFusion {
    struct List {
        var name: String
        var weight: Double
        /// Best first.
        var chunks: [RankedChunk]
        /// The other form of the query it answers.
        var variant: String?
    }

    struct Fused {
        var chunk: RankedChunk
        var signals: [Signal]
    }

    /// Chunks of any list, best first.
    static func fuse(_ lists: [List], k: Double) -> [Fused] {
        var fused: [Int: Fused] = [:]
        for list in lists { add(list, to: &fused, k: k) }
        return fused.values.sorted { $0.chunk.precedes($1.chunk) }
    }

    /// The same with one list more.
    static func add(_ list: List, to fused: [Fused], k: Double) -> [Fused] {
        var entries = Dictionary(uniqueKeysWithValues: fused.map { ($0.chunk.number, $0) })
        add(list, to: &entries, k: k)
        return entries.values.sorted { $0.chunk.precedes($1.chunk) }
    }

    private static func add(_ list: List, to fused: inout [Int: Fused], k: Double) {
        for (index, chunk) in list.chunks.enumerated() {
            let signal = Signal(name: list.name, rank: index + 1, score: chunk.score, variant: list.variant)
            var entry = fused[chunk.number] ?? Fused(chunk: RankedChunk(number: chunk.number, score: 0), signals: [])
            entry.chunk.score += list.weight / (k + Double(index + 1))
            entry.signals.append(signal)
            fused[chunk.number] = entry
        }
    }
}
