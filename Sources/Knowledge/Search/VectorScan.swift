import CVectorScan
import Foundation

/// Nearest neighbours by looking at every row. At the sizes one user's documents have, this is a millisecond
/// or a few, and there is no graph that has to be grown and can miss a neighbour.
///
/// Each of three looks leaves fewer rows to the next: sketches estimate a score and how far it may be off
/// (a row is lost once in 30,000 times at most, see `SketchedQuery`), bytes do so within a bound that holds
/// always, floats decide. Where there are no sketches, or nearly all rows are wanted, all bytes are read: then
/// the result is that of reading all floats.
struct VectorScan: Sendable {
    /// Bytes that make it worth starting a core: sketches of 32,000 rows, a third of a millisecond.
    private static let parallelBytes = 2 << 20
    /// Rows scored at a time: their sums stay in the first-level cache.
    private static let block = 1024
    /// More than rounding in 32-bit floats can add up to for vectors of length 1.
    private static let slack: Float = 1e-5
    /// Rows for each one wanted below which sketches save nothing.
    private static let rowsForEach = 16

    let vectors: VectorFiles

    /// The best `limit` rows for a normalised query, with cosine similarity.
    ///
    /// - Parameter rows: the rows looked at, ascending, from 0; nil for all.
    /// - Precondition: `query.count` is the file's dimension.
    func search(_ query: [Float], limit: Int, rows: [Range<Int>]? = nil) async -> [RankedChunk] {
        precondition(query.count == vectors.dimension)
        let rows = (rows ?? [0..<vectors.count]).map { $0.clamped(to: 0..<vectors.count) }
        let count = rows.reduce(0) { $0 + $1.count }
        let sketched = vectors.sketches.flatMap { count / Self.rowsForEach >= limit ? SketchedQuery(query, in: $0.space) : nil }
        let look = Look(query: query, quantised: QuantisedQuery(query), sketched: sketched, limit: limit)
        let stride = sketched == nil ? vectors.quantised.layout.stride : SketchRow.stride(vectors.dimension)
        let workers = min(ProcessInfo.processInfo.activeProcessorCount, count * stride / Self.parallelBytes, 8)
        guard workers > 1 else { return scan(look, rows: rows).sorted }
        return await withTaskGroup(of: TopK.self) { group in
            for part in Self.split(rows, into: workers, count: count) {
                group.addTask { scan(look, rows: part) }
            }
            var best = TopK(capacity: limit)
            for await part in group { best.merge(part) }
            return best.sorted
        }
    }

    /// The query in the form of each file.
    private struct Look: Sendable {
        var query: [Float]
        var quantised: QuantisedQuery
        var sketched: SketchedQuery?
        var limit: Int

        /// What a row of bytes says of its score, and how far that may be off.
        func score(_ header: UnsafeRawPointer, _ sum: Int32) -> (score: Float, error: Float) {
            let scale = header.load(as: Float.self)
            let lost = header.load(fromByteOffset: 4, as: Float.self)
            return (Float(sum) * scale * quantised.scale, lost * quantised.norm + (1 + lost) * quantised.error + VectorScan.slack)
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

    private func scan(_ look: Look, rows: [Range<Int>]) -> TopK {
        guard let sketches = vectors.sketches, let sketched = look.sketched else { return scanBytes(look, rows: rows) }
        // Rows that came since are few.
        var best = scanSketches(look, sketched, sketches.file, rows: rows.map { $0.clamped(to: 0..<sketches.count) })
        let others = rows.map { $0.clamped(to: sketches.count..<max(sketches.count, vectors.count)) }.filter { !$0.isEmpty }
        if !others.isEmpty { best.merge(scanBytes(look, rows: others)) }
        return best
    }

    private func scanSketches(_ look: Look, _ sketched: SketchedQuery, _ file: VectorFile, rows: [Range<Int>]) -> TopK {
        var best = TopK(capacity: look.limit)
        let count = rows.reduce(0) { $0 + $1.count }
        guard count > 0 else { return best }
        let highest = UnsafeMutablePointer<Float>.allocate(capacity: count)
        defer { highest.deallocate() }
        // What looks best is scored at once: the worst of the best of these is close to that of all.
        var promising = TopK(capacity: max(64, 2 * look.limit))
        var floor = -Float.greatestFiniteMagnitude
        var start = 0
        file.withRows { base in
            for range in rows where !range.isEmpty {
                sketched.highest(base + range.lowerBound * file.layout.stride, stride: file.layout.stride, count: range.count, into: highest + start)
                let bounds = highest + start
                var place = vector_next_above(bounds, 0, range.count, floor)
                while place < range.count {
                    promising.insert(RankedChunk(number: range.lowerBound + place + 1, score: Double(bounds[place])))
                    floor = promising.threshold
                    place = vector_next_above(bounds, place + 1, range.count, floor)
                }
                start += range.count
            }
        }
        for chunk in promising.sorted { best.insert(exact(look, row: chunk.number - 1)) }
        let seen = Set(promising.sorted.map(\.number))
        let lowest = best.threshold - Self.slack
        var left: [UInt32] = []
        start = 0
        for range in rows where !range.isEmpty {
            var place = vector_next_above(highest + start, 0, range.count, lowest)
            while place < range.count {
                left.append(UInt32(range.lowerBound + place))
                place = vector_next_above(highest + start, place + 1, range.count, lowest)
            }
            start += range.count
        }
        rescore(look, left, seen: seen, into: &best)
        return best
    }

    /// Rows that may be among the best: by their bytes, and if these do not rule them out by their floats.
    private func rescore(_ look: Look, _ rows: [UInt32], seen: Set<Int>, into best: inout TopK) {
        let layout = vectors.quantised.layout
        var sums = [Int32](repeating: 0, count: Self.block)
        vectors.quantised.withRows { base in
            let values = (base + QuantisedRow.header).assumingMemoryBound(to: Int8.self)
            for start in stride(from: 0, to: rows.count, by: Self.block) {
                let part = rows[start..<min(rows.count, start + Self.block)]
                part.withUnsafeBufferPointer { part in
                    vector_scan_int8(values, layout.stride, part.baseAddress!, part.count, look.quantised.values, layout.dimension, &sums)
                }
                for (row, sum) in zip(part, sums) {
                    let (score, error) = look.score(base + Int(row) * layout.stride, sum)
                    if score + error >= best.threshold, !seen.contains(Int(row) + 1) { best.insert(exact(look, row: Int(row))) }
                }
            }
        }
    }

    private func exact(_ look: Look, row: Int) -> RankedChunk {
        let score = look.query.withUnsafeBytes { query in
            vectors.floats.withRows {
                DotProduct.of($0 + row * vectors.floats.layout.stride, query.baseAddress!, count: vectors.dimension)
            }
        }
        return RankedChunk(number: row + 1, score: Double(score))
    }

    private func scanBytes(_ look: Look, rows: [Range<Int>]) -> TopK {
        // The lowest score that the best `limit` rows so far have at least.
        var floor = TopK(capacity: look.limit)
        var candidates: [(row: Int, highest: Float)] = []
        let layout = vectors.quantised.layout
        var sums = [Int32](repeating: 0, count: Self.block)
        vectors.quantised.withRows { base in
            for range in rows {
                for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.block) {
                    let end = min(range.upperBound, start + Self.block)
                    let first = base + start * layout.stride
                    vector_scan_int8(
                        (first + QuantisedRow.header).assumingMemoryBound(to: Int8.self), layout.stride, nil, end - start,
                        look.quantised.values, layout.dimension, &sums)
                    for row in start..<end {
                        let (score, error) = look.score(base + row * layout.stride, sums[row - start])
                        guard score + error >= floor.threshold else { continue }
                        candidates.append((row, score + error))
                        floor.insert(RankedChunk(number: row + 1, score: Double(score - error)))
                    }
                }
            }
        }
        let lowest = floor.threshold
        var best = TopK(capacity: look.limit)
        for candidate in candidates where candidate.highest >= lowest { best.insert(exact(look, row: candidate.row)) }
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
