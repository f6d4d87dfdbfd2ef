import Foundation

/// Measures a vector index with ready vectors: how fast they go in, how fast queries are answered, and
/// what was found, for somebody else to compare with brute force.
public struct VectorBenchmark: Sendable, Codable, Equatable {
    public var rows: Int
    public var dimension: Int
    /// From the first vector handed over until all are found by queries.
    public var insertSeconds: Double
    /// Of one query after the other.
    public var medianMilliseconds: Double
    public var p99Milliseconds: Double
    /// Resident memory of this process after the queries, mapped pages included; nil where the system
    /// does not say.
    public var residentBytes: Int?
    /// For each query the numbers of the rows found, best first.
    public var hits: [[Int]]

    enum CodingKeys: String, CodingKey {
        case rows
        case dimension
        case insertSeconds = "insert_seconds"
        case medianMilliseconds = "median_ms"
        case p99Milliseconds = "p99_ms"
        case residentBytes = "resident_bytes"
        case hits
    }

    /// - Parameters:
    ///   - rows, queries: files of float32, little-endian, row after row, each row L2-normalised.
    ///   - index: empty.
    ///   - batch: entries handed over at once.
    public static func run(
        rows rowsFile: URL, queries queriesFile: URL, dimension: Int, limit: Int, index: any VectorIndex, batch: Int = 5000
    ) async throws -> VectorBenchmark {
        let rows = try Data(contentsOf: rowsFile, options: .mappedIfSafe)
        let queries = try vectors(Data(contentsOf: queriesFile), dimension)
        let count = rows.count / (dimension * 4)
        var insertion = Duration.zero
        for start in stride(from: 0, to: count, by: batch) {
            let end = min(count, start + batch)
            // What a caller has in hand; making it is not the index's work.
            let part = try vectors(rows[start * dimension * 4..<end * dimension * 4], dimension)
            let entries = part.enumerated().map {
                VectorEntry(id: "row-\(start + $0.offset)", vector: $0.element, document: "document-\((start + $0.offset) / 8)")
            }
            let begin = ContinuousClock.now
            try await index.add(entries)
            insertion += ContinuousClock.now - begin
        }
        var times: [Double] = []
        var hits: [[Int]] = []
        for query in queries.prefix(5) { _ = try await index.query(query, limit: limit, filter: nil) }
        for query in queries {
            let begin = ContinuousClock.now
            let found = try await index.query(query, limit: limit, filter: nil)
            times.append((ContinuousClock.now - begin) / .milliseconds(1))
            hits.append(found.map { Int($0.id.dropFirst(4))! })
        }
        times.sort()
        return VectorBenchmark(
            rows: count, dimension: dimension, insertSeconds: insertion / .seconds(1), medianMilliseconds: times[times.count / 2],
            p99Milliseconds: times[times.count * 99 / 100], residentBytes: residentBytes(), hits: hits)
    }

    private static func vectors(_ data: Data, _ dimension: Int) throws -> [[Float]] {
        guard dimension > 0, data.count.isMultiple(of: dimension * 4), !data.isEmpty else {
            throw KnowledgeError.vectorsInvalid(reason: "\(data.count) bytes are no whole number of rows of \(dimension) floats")
        }
        return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: dimension * 4).map { start in
                (0..<dimension).map { Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + $0 * 4, as: UInt32.self))) }
            }
        }
    }

    private static func residentBytes() -> Int? {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kilobytes = line.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) })
        else { return nil }
        return kilobytes << 10
    }
}
