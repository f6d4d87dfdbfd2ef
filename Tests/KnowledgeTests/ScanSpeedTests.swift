import Foundation
import Knowledge
import Testing

@Suite("Scan speed", .serialized)
struct ScanSpeedTests {
    /// 12,000 chunks of 384 dimensions: a long book shelf.
    @Test func `twelve thousand vectors are scanned, and the time is told`() async throws {
        var embedder = HashingEmbedder()
        embedder.identity.dimension = 384
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 12_000, sentences: 1))
            let directory = folder.appendingPathComponent("v1")
            let start = ContinuousClock.now
            let summary = try await build([source], into: directory, embedder: embedder)
            #expect(summary.chunks == 12_000)
            print("Scan: 12,000 chunks indexed without a model in \(ContinuousClock.now - start)")
            let index = try CollectionIndex.open(directory)
            for strategy in SearchStrategy.allCases {
                var times: [Double] = []
                for _ in 0..<50 {
                    let reply = try await index.search("river stone lamp", embedder: embedder, options: .init(strategy: strategy))
                    #expect(!reply.passages.isEmpty)
                    times.append(reply.milliseconds)
                }
                times.sort()
                print("Scan: 12,000 × 384, \(strategy): median \(times[25]) ms, best \(times[0]) ms")
            }
        }
    }
}
