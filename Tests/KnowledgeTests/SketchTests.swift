import CVectorScan
import Domain
import Foundation
import Knowledge
import Synchronization
import Testing

/// Sketches leave rows out before anything exact is read, so what they do must not be seen in any result.
@Suite("Sketches", .serialized)
struct SketchTests {
    private static let rows = 4096

    private func index(_ vectors: [[Float]], in folder: URL, batch: Int = 1000) async throws -> EmbeddedVectorIndex {
        let index = try EmbeddedVectorIndex(folder, dimension: vectors[0].count)
        let entries = vectors.enumerated().map { VectorEntry(id: "\($0.offset)", vector: $0.element, document: "d\($0.offset % 3)") }
        for start in stride(from: 0, to: entries.count, by: batch) { try await index.add(Array(entries[start..<min(entries.count, start + batch)])) }
        return index
    }

    /// Scores in order: ids may differ among equals.
    private func differs(_ index: EmbeddedVectorIndex, from vectors: [[Float]], _ query: [Float], limits: [Int]) async throws -> [Int] {
        let scores = vectors.map { vector in
            query.withUnsafeBufferPointer { query in
                vector.withUnsafeBufferPointer { vector_scan_dot($0.baseAddress!, query.baseAddress!, query.count) }
            }
        }
        var wrong: [Int] = []
        for filter in [nil, DocumentFilter(documents: ["d1", "d2"])] {
            let wanted = scores.enumerated().filter { filter == nil || $0.offset % 3 > 0 }.map(\.element).sorted(by: >)
            for limit in limits {
                let hits = try await index.query(query, limit: limit, filter: filter)
                let equal = hits.count == min(limit, wanted.count) && zip(hits, wanted).allSatisfy { abs($0.score - Double($1)) < 1e-5 }
                if !equal { wrong.append(limit) }
            }
        }
        return wrong
    }

    @Test(arguments: [64, 100, 384, 1000]) func `every version of the loops says the same`(dimension: Int) {
        var random = RandomVectors(dimension, seed: 3)
        let words = (dimension + 63) / 64
        let stride = (16 + words * 8 + 15) / 16 * 16
        let count = 37
        var space = [UInt8](repeating: 0, count: count * stride)
        for row in 0..<count {
            space.withUnsafeMutableBytes { bytes in
                let head = bytes.baseAddress! + row * stride
                vector_sketch(
                    random.one(), dimension, Float(row) / 100, head.assumingMemoryBound(to: vector_sketch_head.self),
                    (head + 16).assumingMemoryBound(to: UInt64.self))
            }
        }
        let planes = (0..<4 * words).map { _ in random.random.next() }
        let bytes = (0..<count * dimension).map { _ in Int8.random(in: -127...127, using: &random.random) }
        let query = (0..<dimension).map { _ in Int16.random(in: -999...999, using: &random.random) }
        let signs = (0..<4 * dimension).map { _ in Float(Bool.random(using: &random.random) ? 1 : -1) }
        let row = random.one()
        var seen: [(sketches: [Float], sums: [Int32], picked: [Int32], turned: [Float])] = []
        let versions = [VECTOR_SCAN_PLAIN, VECTOR_SCAN_AVX2, VECTOR_SCAN_AVX512].filter { vector_scan_has($0) != 0 }
        defer { vector_scan_use(versions.last!) }
        for version in versions {
            vector_scan_use(version)
            var highest = [Float](repeating: 0, count: count)
            planes.withUnsafeBufferPointer { planes in
                var query = vector_sketch_query(
                    planes: planes.baseAddress!, words: words, full: Int32(15 * dimension), step: 0.01, base: 0.2, width: 3)
                vector_scan_sketches(space, stride, count, &query, &highest)
            }
            var sums = [Int32](repeating: 0, count: count)
            vector_scan_int8(bytes, dimension, nil, count, query, dimension, &sums)
            var picked = [Int32](repeating: 0, count: 3)
            vector_scan_int8(bytes, dimension, [5, 36, 0], 3, query, dimension, &picked)
            var turned = row
            var scratch = row
            vector_rotate(&turned, dimension, signs, &scratch)
            seen.append((highest, sums, picked, turned))
        }
        let plain = seen[0]
        #expect(plain.picked == [plain.sums[5], plain.sums[36], plain.sums[0]])
        var seventh: Int32 = 0
        for index in 0..<dimension { seventh += Int32(bytes[7 * dimension + index]) * Int32(query[index]) }
        #expect(plain.sums[7] == seventh)
        // Lengths stay: the map only turns.
        let length = plain.turned.reduce(Float(0)) { $0 + $1 * $1 }
        #expect(abs(length - 1) < 1e-4 && plain.turned != row)
        for other in seen.dropFirst() {
            #expect(other.sums == plain.sums && other.picked == plain.picked)
            let sketches = zip(other.sketches, plain.sketches).map { abs($0 - $1) }
            let turned = zip(other.turned, plain.turned).map { abs($0 - $1) }
            #expect(sketches.max()! < 1e-5 && turned.max()! < 1e-5)
        }
    }

    enum Awkward: String, CaseIterable { case clustered, same, axes, zeros, pairs, opposite }

    private static func vectors(_ kind: Awkward, _ count: Int) -> [[Float]] {
        var random = RandomVectors(64, seed: 5)
        let one = random.one()
        return switch kind {
        case .clustered: random.many(count)
        case .same: Array(repeating: one, count: count)
        // Nothing is less like what a random rotation expects than rows with a single value.
        case .axes: (0..<count).map { row in (0..<64).map { $0 == row % 64 ? (row / 64 % 2 == 0 ? 1 : -1) : 0 } }
        case .zeros: random.many(count).enumerated().map { $0.offset % 2 == 0 ? $0.element : Array(repeating: 0, count: 64) }
        case .pairs: random.many(count / 2 + 1).flatMap { [$0, $0] }.prefix(count).map(\.self)
        case .opposite: random.many(count).enumerated().map { $0.offset % 2 == 0 ? $0.element : $0.element.map { -$0 } }
        }
    }

    @Test(arguments: Awkward.allCases) func `results are those of brute force`(kind: Awkward) async throws {
        try await withTemporaryFolder { folder in
            let vectors = Self.vectors(kind, Self.rows + 300)
            let index = try await index(vectors, in: folder.appendingPathComponent("v"))
            #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("v/vectors.b1").path))
            var random = RandomVectors(64, seed: 6)
            let axis = (0..<64).map { Float($0 == 3 ? 1 : 0) }
            for query in [random.one(), random.one(), vectors[2], axis, [Float](repeating: 0, count: 64)] {
                #expect(try await differs(index, from: vectors, query, limits: [1, 10, 100, 1000]) == [])
            }
        }
    }

    @Test func `rows that come, change and go are found as they are`() async throws {
        try await withTemporaryFolder { folder in
            let home = folder.appendingPathComponent("v")
            var vectors = Self.vectors(.clustered, Self.rows + 500)
            let query = vectors[17]
            func bytes(_ name: String) throws -> Data { try Data(contentsOf: home.appendingPathComponent(name)) }
            do {
                // Not there before there are rows enough, then beside each new row.
                let index = try await index(Array(vectors[..<4000]), in: home)
                #expect(!FileManager.default.fileExists(atPath: home.appendingPathComponent("vectors.b1").path))
                _ = try await index.query(query, limit: 3, filter: nil)
                try await index.add(
                    vectors[4000...].enumerated().map {
                        VectorEntry(id: "\(4000 + $0.offset)", vector: $0.element, document: "d\((4000 + $0.offset) % 3)")
                    })
                #expect(try await differs(index, from: vectors, query, limits: [20]) == [])
                let sketch = try bytes("vectors.b1")
                #expect(sketch.count == 64 + 256 + vectors.count * 32)
                // What is deleted leaves zeros here too.
                let row = sketch[(320 + 17 * 32)..<(320 + 18 * 32)]
                #expect(row.contains { $0 != 0 })
                try await index.delete(ids: ["17"])
                #expect(try bytes("vectors.b1")[(320 + 17 * 32)..<(320 + 18 * 32)].allSatisfy { $0 == 0 })
                #expect(try await !index.query(query, limit: 5, filter: nil).map(\.id).contains("17"))
                vectors[17] = query.map { -$0 }
                try await index.add([VectorEntry(id: "17", vector: vectors[17], document: "d2")])
                #expect(try await index.query(vectors[17], limit: 1, filter: nil).map(\.id) == ["17"])
            }
            // Whatever a crash did to the file, it follows from the floats.
            let whole = try bytes("vectors.b1")
            let file = home.appendingPathComponent("vectors.b1")
            for damage in ["longer", "shorter", "other", "gone", "unfinished"] {
                switch damage {
                case "longer": try (whole + Data(repeating: 9, count: 77)).write(to: file)
                case "shorter": try whole.dropLast(1000).write(to: file)
                case "other": try Data(repeating: 3, count: 500).write(to: file)
                case "gone": try FileManager.default.removeItem(at: file)
                default: try Data(repeating: 3, count: 500).write(to: home.appendingPathComponent("vectors.b1.new"))
                }
                let index = try EmbeddedVectorIndex(home, dimension: 64)
                #expect(try await index.query(vectors[17], limit: 1, filter: nil).map(\.id) == ["17"], "\(damage)")
                #expect(try bytes("vectors.b1").count == whole.count, "\(damage)")
                #expect(try FileManager.default.contentsOfDirectory(atPath: home.path).allSatisfy { !$0.hasSuffix(".new") })
            }
        }
    }

    @Test func `a build has them, an interrupted one goes on with them, one without them does without`() async throws {
        try await withTemporaryFolder { folder in
            struct Killed: Error {}
            let source = try folder.write("corpus.jsonl", corpus(documents: Self.rows + 400, sentences: 1))
            let directory = folder.appendingPathComponent("v1")
            let whole = folder.appendingPathComponent("whole")
            var embedder = HashingEmbedder()
            embedder.identity.dimension = 64
            let summary = try await build([source], into: whole, embedder: embedder)
            #expect(summary.chunks == Self.rows + 400)
            let done = Mutex(0)
            var stopping = embedder
            stopping.beforeEmbedding = { count in
                let sum = done.withLock { done in
                    done += count
                    return done
                }
                if sum > Self.rows + 100 { throw Killed() }
            }
            await #expect(throws: Killed.self) { try await build([source], into: directory, embedder: stopping) }
            let unfinished = try #require(try CollectionIndex.openUnfinished(directory))
            let options = SearchOptions(k: 5, strategy: .dense, candidates: 5)
            let reply = try await unfinished.search("river stone winter", embedder: embedder, options: options)
            #expect(reply.passages.count == 5 && reply.chunksEmbedded >= Self.rows)
            let file = CollectionFolder.unfinished(directory).appendingPathComponent("vectors.b1")
            let handle = try FileHandle(forUpdating: file)
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(repeating: 7, count: 333))
            try handle.close()
            #expect(try await build([source], into: directory, embedder: embedder) == summary)
            for name in ["vectors.f32", "vectors.i8", "vectors.b1"] {
                let files = try [directory, whole].map { try Data(contentsOf: $0.appendingPathComponent(name)) }
                #expect(files[0] == files[1], "\(name)")
                #expect(
                    try FileManager.default.attributesOfItem(atPath: directory.appendingPathComponent(name).path)[.posixPermissions] as? Int == 0o600)
            }
            // One that was opened while it was built goes on with the files it has.
            let after = try await unfinished.search("river stone winter", embedder: embedder, options: options)
            var expected = try await CollectionIndex.open(directory).search("river stone winter", embedder: embedder, options: options)
            #expect(after.passages == expected.passages && expected.passages.count == 5)
            // Cut, it is damage like any other; a collection from before there were sketches has none.
            let final = directory.appendingPathComponent("vectors.b1")
            let bytes = try Data(contentsOf: final)
            try bytes.dropLast(32).write(to: final)
            let error = #expect(throws: KnowledgeError.self) { try CollectionIndex.open(directory) }
            #expect(error?.code == "index_damaged" && error?.message.contains("vectors.b1") == true)
            try FileManager.default.removeItem(at: final)
            var older = try await CollectionIndex.open(directory).search("river stone winter", embedder: embedder, options: options)
            older.milliseconds = 0
            expected.milliseconds = 0
            #expect(older == expected)
        }
    }

    @Test func theNextValueAboveAFloorIsFoundWhereverItStands() {
        let versions = [VECTOR_SCAN_PLAIN, VECTOR_SCAN_AVX2, VECTOR_SCAN_AVX512].filter { vector_scan_has($0) != 0 }
        defer { vector_scan_use(versions.last!) }
        var random = SystemRandomNumberGenerator()
        for version in versions {
            vector_scan_use(version)
            for count in [0, 1, 31, 32, 33, 64, 200] {
                let values = (0..<count).map { _ in Float(Int.random(in: 0...40, using: &random)) }
                for floor in [Float(-1), 38, 40, 41] {
                    for start in 0...count {
                        let naive = (start..<count).first { values[$0] >= floor } ?? count
                        #expect(vector_next_above(values, start, count, floor) == naive)
                    }
                }
            }
        }
    }
}
