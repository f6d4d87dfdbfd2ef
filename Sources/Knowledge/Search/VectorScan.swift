import CVectorScan
import Foundation

/// Exact nearest neighbours by reading every row. At the sizes one user's documents have, this is a few
/// milliseconds, and no neighbour is missed.
///
/// First the bytes of every row give a score and how far it may be off at most; then the floats decide
/// among the rows that could still be among the best. The result is that of reading all floats.
struct VectorScan: Sendable {
    /// Bytes below which one core is faster than starting a second.
    private static let parallelBytes = 8 << 20
    /// Rows scored at a time: their sums stay in the first-level cache.
    private static let block = 1024
    /// More than rounding in 32-bit floats can add up to for vectors of length 1.
    private static let slack: Float = 1e-5

    let vectors: VectorPair

    /// The best `limit` rows for a normalised query, with cosine similarity.
    ///
    /// - Parameter rows: the rows looked at, ascending, from 0; nil for all.
    /// - Precondition: `query.count` is the file's dimension.
    func search(_ query: [Float], limit: Int, rows: [Range<Int>]? = nil) async -> [RankedChunk] {
        precondition(query.count == vectors.dimension)
        let rows = (rows ?? [0..<vectors.count]).map { $0.clamped(to: 0..<vectors.count) }
        let count = rows.reduce(0) { $0 + $1.count }
        let quantised = QuantisedQuery(query)
        let workers = min(ProcessInfo.processInfo.activeProcessorCount, count * vectors.quantised.layout.stride / Self.parallelBytes, 8)
        guard workers > 1 else { return scan(query, quantised, rows: rows, limit: limit).sorted }
        return await withTaskGroup(of: TopK.self) { group in
            for part in Self.split(rows, into: workers, count: count) {
                group.addTask { scan(query, quantised, rows: part, limit: limit) }
            }
            var best = TopK(capacity: limit)
            for await part in group { best.merge(part) }
            return best.sorted
        }
    }

    /// Cosine similarity of single rows.
    func scores(_ query: [Float], rows: [Int]) -> [Float] {
        query.withUnsafeBytes { query in
            vectors.floats.withRows { base in
                rows.map { DotProduct.of(base + $0 * vectors.floats.layout.stride, query.baseAddress!, count: vectors.dimension) }
            }
        }
    }

    private func scan(_ query: [Float], _ quantised: QuantisedQuery, rows: [Range<Int>], limit: Int) -> TopK {
        // The lowest score that the best `limit` rows so far have at least.
        var floor = TopK(capacity: limit)
        var candidates: [(row: Int, highest: Float)] = []
        let layout = vectors.quantised.layout
        var sums = [Int32](repeating: 0, count: Self.block)
        vectors.quantised.withRows { base in
            for range in rows {
                for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
                    let end = min(range.upperBound, start + Self.block)
                    let first = base + start * layout.stride
                    vector_scan_int8(
                        (first + QuantisedRow.header).assumingMemoryBound(to: Int8.self), layout.stride, end - start, quantised.values,
                        layout.dimension, &sums)
                    for row in start..<end {
                        let header = base + row * layout.stride
                        let scale = header.load(as: Float.self)
                        let lost = header.load(fromByteOffset: 4, as: Float.self)
                        let score = Float(sums[row - start]) * scale * quantised.scale
                        let error = lost * quantised.norm + (1 + lost) * quantised.error + Self.slack
                        guard score + error >= floor.threshold else { continue }
                        candidates.append((row, score + error))
                        floor.insert(RankedChunk(number: row + 1, score: Double(score - error)))
                    }
                }
            }
        }
        let lowest = floor.threshold
        let left = candidates.lazy.filter { $0.highest >= lowest }.map(\.row)
        var best = TopK(capacity: limit)
        query.withUnsafeBytes { query in
            vectors.floats.withRows { base in
                for row in left {
                    let score = DotProduct.of(base + row * vectors.floats.layout.stride, query.baseAddress!, count: layout.dimension)
                    best.insert(RankedChunk(number: row + 1, score: Double(score)))
                }
            }
        }
        return best
    }

    /// Parts of like size, in order.
    private static func split(_ rows: [Range<Int>], into workers: Int, count: Int) -> [[Range<Int>]] {
        let share = (count + workers - 1) / workers
        var parts: [[Range<Int>]] = [[]]
        var room = share
        for var range in rows {
            while range.count > room {
                parts[parts.count - 1].append(range.lowerBound..<range.lowerBound + room)
                range = range.lowerBound + room..<range.upperBound
                parts.append([])
                room = share
            }
            parts[parts.count - 1].append(range)
            room -= range.count
        }
        return parts
    }
}
