import Foundation
import Knowledge
import Synchronization
import Testing

@Suite("Searching while a collection is built")
struct UnfinishedCollectionTests {
    private struct Stopped: Error {}

    @Test func `words are found as soon as they are cut, vectors as they come`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 200))
            let directory = folder.appendingPathComponent("v1")
            #expect(try CollectionIndex.openUnfinished(directory) == nil)
            let seen = Mutex<[SearchReply]>([])
            let opened = Mutex<CollectionIndex?>(nil)
            var embedder = HashingEmbedder()
            @Sendable func look() async throws {
                guard let index = try CollectionIndex.openUnfinished(directory) else { return }
                opened.withLock { if $0 == nil { $0 = index } }
                let reply = try await index.search("river stone", embedder: HashingEmbedder(), options: .init(k: 3))
                seen.withLock { $0.append(reply) }
            }
            embedder.beforeCounting = { try await look() }
            embedder.beforeEmbedding = { _ in try await look() }
            let summary = try await build([source], into: directory, embedder: embedder, settings: .init(maxTokens: 30, overlapTokens: 0))
            let replies = seen.withLock { $0 }
            let cutting = try #require(replies.first { $0.chunksTotal > 0 })
            #expect(cutting.chunksEmbedded == 0 && cutting.passages.count == 3 && cutting.chunksTotal < summary.chunks)
            #expect(cutting.passages.allSatisfy { $0.signals.map(\.name) == ["lexical"] })
            let filling = replies.filter { $0.chunksEmbedded > 0 }
            #expect(filling.allSatisfy { $0.chunksTotal == summary.chunks && $0.degraded?.contains("\($0.chunksEmbedded) chunks") == true })
            #expect(filling.contains { $0.passages.contains { $0.signals.contains { $0.name == "dense" } } })
            #expect(filling.map(\.chunksEmbedded) == filling.map(\.chunksEmbedded).sorted())
            // One that was opened early goes on and is whole in the end.
            let early = try #require(opened.withLock { $0 })
            let finished = try CollectionIndex.open(directory)
            let late = try await finished.search("river stone", embedder: HashingEmbedder())
            let reply = try await early.search("river stone", embedder: HashingEmbedder())
            #expect(reply.passages == late.passages && reply.chunksEmbedded == summary.chunks && reply.degraded == nil)
            #expect(!early.isComplete && finished.isComplete)
        }
    }

    @Test func `searches beside a build do not disturb it`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 600))
            let whole = folder.appendingPathComponent("whole")
            let directory = folder.appendingPathComponent("v1")
            let settings = ChunkingSettings(maxTokens: 30, overlapTokens: 0)
            _ = try await build([source], into: whole, settings: settings)
            let done = Mutex(false)
            let count = Mutex(0)
            let searches = Task {
                while !done.withLock({ $0 }) {
                    if let index = try CollectionIndex.openUnfinished(directory) {
                        let reply = try await index.search("river stone", embedder: HashingEmbedder(), options: .init(k: 10))
                        #expect(reply.chunksEmbedded <= reply.chunksTotal && Set(reply.passages.map(\.chunkID)).count == reply.passages.count)
                        count.withLock { $0 += 1 }
                    }
                    await Task.yield()
                }
            }
            var embedder = HashingEmbedder()
            embedder.beforeEmbedding = { _ in while count.withLock({ $0 }) == 0 { await Task.yield() } }
            _ = try await build([source], into: directory, embedder: embedder, settings: settings)
            done.withLock { $0 = true }
            try await searches.value
            #expect(try await answers(directory, ["river stone", "note 7"]) == answers(whole, ["river stone", "note 7"]))
        }
    }

    /// A builder that is frozen holds its lock and does not know that it is over.
    @Test func `a frozen builder keeps nobody from building, and changes nothing when it wakes`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 20))
            let directory = folder.appendingPathComponent("v1")
            let second = Mutex<CollectionSummary?>(nil)
            var embedder = HashingEmbedder()
            embedder.beforeEmbedding = { _ in
                guard second.withLock({ $0 == nil }) else { return }
                let made = try? await CollectionBuilder(embedder: HashingEmbedder(), extractor: nil, whenBusy: .buildBeside)
                    .build(sources: [source], into: directory) { _ in }
                second.withLock { $0 = made }
            }
            let first = try await CollectionBuilder(embedder: embedder, extractor: nil, whenBusy: .buildBeside)
                .build(sources: [source], into: directory) { _ in }
            #expect(second.withLock { $0?.chunks } == first.chunks)
            #expect(try CollectionIndex.open(directory).summary.documents == 20)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("building") } == [])
        }
    }

    @Test func `what a frozen builder has begun is not searched in place of what is built beside it`() async throws {
        try await withTemporaryFolder { folder in
            let old = try folder.write("old.jsonl", corpus(documents: 3))
            let new = try folder.write("new.jsonl", corpus(documents: 20))
            let directory = folder.appendingPathComponent("v1")
            let seen = Mutex<[Int]>([])
            var outer = HashingEmbedder()
            outer.beforeEmbedding = { _ in
                guard seen.withLock({ $0.isEmpty }) else { return }
                var inner = HashingEmbedder()
                inner.beforeEmbedding = { _ in
                    let documents = (try? CollectionIndex.openUnfinished(directory)?.summary.documents) ?? -1
                    seen.withLock { $0.append(documents) }
                }
                _ = try? await CollectionBuilder(embedder: inner, extractor: nil, whenBusy: .buildBeside).build(sources: [new], into: directory) {
                    _ in
                }
            }
            // Made of other documents, so it may not take the finished one for its own.
            await #expect(throws: KnowledgeError.destinationExists(collection: "v1")) {
                _ = try await CollectionBuilder(embedder: outer, extractor: nil, whenBusy: .buildBeside).build(sources: [old], into: directory) { _ in
                }
            }
            #expect(Set(seen.withLock { $0 }) == [20])
            #expect(try CollectionIndex.open(directory).summary.documents == 20)
        }
    }

    @Test func `one builder at a time`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 20))
            let directory = folder.appendingPathComponent("v1")
            var embedder = HashingEmbedder()
            embedder.beforeEmbedding = { _ in
                await #expect(throws: KnowledgeError.buildBusy(collection: "v1")) { try await build([source], into: directory) }
            }
            _ = try await build([source], into: directory, embedder: embedder)
            #expect(try CollectionIndex.open(directory).summary.documents == 20)
        }
    }
}
