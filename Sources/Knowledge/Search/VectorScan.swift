import Foundation

/// Exact nearest neighbours by reading every row. At the sizes one user's documents have, this is a few
/// milliseconds, and no neighbour is missed.
struct VectorScan: Sendable {
    /// Floats below which one core is faster than starting a second.
    private static let parallelFloats = 1 << 20

    let vectors: VectorFile

    /// The best `limit` rows for a normalised query, with cosine similarity.
    ///
    /// - Precondition: `query.count` is the file's dimension.
    func search(_ query: [Float], limit: Int) async -> [RankedChunk] {
        precondition(query.count == vectors.header.dimension)
        let count = vectors.header.count
        let workers = count * query.count < Self.parallelFloats ? 1 : min(ProcessInfo.processInfo.activeProcessorCount, 8)
        if workers == 1 { return scan(query, rows: 0..<count, limit: limit).sorted }
        let share = (count + workers - 1) / workers
        return await withTaskGroup(of: TopK.self) { group in
            for start in stride(from: 0, to: count, by: share) {
                group.addTask { scan(query, rows: start..<min(count, start + share), limit: limit) }
            }
            var best = TopK(capacity: limit)
            for await part in group { best.merge(part) }
            return best.sorted
        }
    }

    private func scan(_ query: [Float], rows: Range<Int>, limit: Int) -> TopK {
        var best = TopK(capacity: limit)
        let rowBytes = query.count * MemoryLayout<Float>.size
        query.withUnsafeBytes { query in
            vectors.withRows { base in
                for row in rows {
                    let score = DotProduct.of(base + row * rowBytes, query.baseAddress!, count: vectors.header.dimension)
                    best.insert(RankedChunk(number: row + 1, score: Double(score)))
                }
            }
        }
        return best
    }
}
