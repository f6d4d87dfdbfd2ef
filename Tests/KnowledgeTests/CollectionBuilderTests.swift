import Domain
import Foundation
import Knowledge
import Synchronization
import TestSupport
import Testing

@Suite("Building collections")
struct CollectionBuilderTests {
    private static let queries = ["river stone winter", "copper violin", "note 3", "garden, harbour & cloud"]

    private struct Killed: Error {}

    @Test func `a build counts what it made and leaves only its files`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 30))
            let directory = folder.appendingPathComponent("v1")
            let progress = Mutex<[IndexProgress]>([])
            let summary = try await build([source], into: directory, settings: .init(maxTokens: 30, overlapTokens: 5)) { value in
                progress.withLock { $0.append(value) }
            }
            #expect(summary.documents == 30)
            #expect(summary.chunks > 100 && summary.tokens > summary.chunks)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == ["chunks.sqlite", "vectors.f32", "vectors.i8"])
            #expect(!FileManager.default.fileExists(atPath: CollectionFolder.unfinished(directory).path))
            for name in ["chunks.sqlite", "vectors.f32", "vectors.i8"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: directory.appendingPathComponent(name).path)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
            let seen = progress.withLock { $0 }
            #expect(
                seen.last
                    == IndexProgress(
                        chunksDone: summary.chunks, chunksTotal: summary.chunks, documentsDone: 30, documentsTotal: 30, tokens: summary.tokens))
            for (first, second) in zip(seen, seen.dropFirst()) {
                #expect(first.chunksDone <= second.chunksDone && second.chunksDone - first.chunksDone <= 64)
            }
            let documents = try CollectionIndex.open(directory).documents()
            #expect(documents.map(\.name) == (0..<30).map { "d\($0)" })
            #expect(documents.reduce(0) { $0 + $1.chunks } == summary.chunks)
        }
    }

    @Test func `the same sources built twice answer alike`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 40))
            let first = folder.appendingPathComponent("a/v1")
            let second = folder.appendingPathComponent("b/v1")
            #expect(try await build([source], into: first).chunks == build([source], into: second).chunks)
            #expect(try await answers(first, Self.queries) == answers(second, Self.queries))
        }
    }

    @Test(arguments: 0..<12) func `a build killed at any point resumes to the undisturbed result`(seed: Int) async throws {
        try await withTemporaryFolder { folder in
            var random = SeededGenerator(seed: UInt64(seed))
            let source = try folder.write("corpus.jsonl", corpus(documents: 150, sentences: 16))
            let settings = ChunkingSettings(maxTokens: 40, overlapTokens: 8)
            let whole = folder.appendingPathComponent("whole")
            let expected = try await build([source], into: whole, settings: settings)

            let directory = folder.appendingPathComponent("v1")
            let counted = Mutex(0)
            let embedded = Mutex(0)
            // Twice interrupted: once while cutting or embedding, once while embedding.
            for limits in [
                (Int.random(in: 1...20, using: &random), Int.random(in: 0...6, using: &random)), (Int.max, Int.random(in: 0...5, using: &random)),
            ] {
                counted.withLock { $0 = 0 }
                let batches = Mutex(0)
                var embedder = HashingEmbedder()
                embedder.beforeCounting = {
                    if counted.withLock({
                        $0 += 1; return $0
                    }) > limits.0 {
                        throw Killed()
                    }
                }
                embedder.beforeEmbedding = { count in
                    if batches.withLock({
                        $0 += 1; return $0
                    }) > limits.1 {
                        throw Killed()
                    }
                    embedded.withLock { $0 += count }
                }
                await #expect(throws: Killed.self) { try await build([source], into: directory, embedder: embedder, settings: settings) }
                #expect(!FileManager.default.fileExists(atPath: directory.path))
                // A crash in the middle of a write leaves bytes the database does not know.
                let vectors = CollectionFolder.unfinished(directory).appendingPathComponent("vectors.f32")
                let handle = try FileHandle(forUpdating: vectors)
                try handle.seekToEnd()
                try handle.write(contentsOf: Data(repeating: 7, count: Int.random(in: 0...500, using: &random)))
                try handle.close()
                // And files an archive was being unpacked to.
                try CollectionFolder.unfinished(directory).write("scratch/unpacked/secret.txt", "plain text")
            }
            var embedder = HashingEmbedder()
            embedder.beforeEmbedding = { count in embedded.withLock { $0 += count } }
            var summary = try await build([source], into: directory, embedder: embedder, settings: settings)
            #expect(embedded.withLock { $0 } == expected.chunks, "a chunk was embedded twice or never")
            summary.bytes = expected.bytes
            #expect(summary == expected)
            #expect(try await answers(directory, Self.queries) == answers(whole, Self.queries))
            let vectors = try [whole, directory].map { try Data(contentsOf: $0.appendingPathComponent("vectors.f32")) }
            #expect(vectors[0] == vectors[1])
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == ["chunks.sqlite", "vectors.f32", "vectors.i8"])
        }
    }

    @Test func `cancelling a task stops between batches and keeps what was done`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 300))
            let directory = folder.appendingPathComponent("v1")
            let task = Task {
                try await build([source], into: directory, settings: .init(maxTokens: 24, overlapTokens: 0)) { progress in
                    if progress.chunksDone >= 128 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            let first = Mutex<IndexProgress?>(nil)
            _ = try await build([source], into: directory, settings: .init(maxTokens: 24, overlapTokens: 0)) { progress in
                first.withLock { if $0 == nil { $0 = progress } }
            }
            #expect(first.withLock { $0?.chunksDone } == 128)
        }
    }

    @Test func `other input or settings start over`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("corpus.jsonl", corpus(documents: 100))
            let directory = folder.appendingPathComponent("v1")
            let embedded = Mutex(0)
            var embedder = HashingEmbedder()
            embedder.beforeEmbedding = { count in
                if embedded.withLock({
                    $0 += count; return $0
                }) > 64 {
                    throw Killed()
                }
            }
            await #expect(throws: Killed.self) { try await build([source], into: directory, embedder: embedder) }
            try folder.write("corpus.jsonl", corpus(documents: 100).replacingOccurrences(of: "river", with: "meadow"))
            embedded.withLock { $0 = 0 }
            embedder.beforeEmbedding = { count in embedded.withLock { $0 += count } }
            let summary = try await build([source], into: directory, embedder: embedder)
            #expect(embedded.withLock { $0 } == summary.chunks)
            let index = try CollectionIndex.open(directory)
            #expect(try await index.search("river", embedder: embedder, options: .init(strategy: .lexical)).passages.isEmpty)
        }
    }

    @Test func `an existing collection is returned, never overwritten`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write("a.md", "# A\n\nText.")
            let directory = folder.appendingPathComponent("v1")
            let first = try await build([source], into: directory)
            #expect(try await build([source], into: directory) == first)
            try folder.write("a.md", "# A\n\nOther text.")
            await #expect(throws: KnowledgeError.destinationExists(collection: "v1")) { try await build([source], into: directory) }
        }
    }

    @Test func `nothing readable leaves no collection and bad files are listed`() async throws {
        try await withTemporaryFolder { folder in
            let bad = try folder.write("bad.txt", [0, 1, 2])
            let directory = folder.appendingPathComponent("v1")
            await #expect(throws: KnowledgeError.self) { try await build([bad], into: directory) }
            #expect(!FileManager.default.fileExists(atPath: directory.path))
            let good = try folder.write("good.txt", "Good.")
            let rules = try folder.write("rules.md", "---\n\n***\n")
            let summary = try await build([bad, good, rules], into: directory)
            #expect(summary.problems.map(\.code) == ["binary_file", "empty_document"])
            #expect(summary.documents == 1)
            #expect(try CollectionIndex.open(directory).summary == summary)
        }
    }

    @Test func `documents of one name are told apart by content`() async throws {
        try await withTemporaryFolder { folder in
            let sources = try ["a", "b", "c"].map { try folder.write("\($0)/notes.md", $0 == "c" ? "Other." : "Same.") }
            let directory = folder.appendingPathComponent("v1")
            let summary = try await build(sources, into: directory)
            #expect(summary.problems.map(\.code) == ["duplicate_document", "duplicate_name"])
            #expect(try CollectionIndex.open(directory).documents().map(\.name) == ["notes.md", "notes.md (2)"])
        }
    }

    @Test func `an embedder that breaks its word is caught`() async throws {
        struct Wrong: Embedder {
            var identity = EmbedderIdentity(model: "wrong", dimension: 4, maxTokens: 100)
            var values: [Float]
            func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch {
                EmbeddingBatch(count: texts.count, dimension: 4, values: values)
            }
            func tokenCounts(_ texts: [String]) async throws -> [Int] { texts.map { _ in 2 } }
        }
        try await withTemporaryFolder { folder in
            let source = try folder.write("a.md", "Text.")
            for values: [Float] in [[1, 0, 0], [3, 0, 0, 0], [.nan, 0, 0, 1], [0, 0, 0, 0]] {
                let error = await #expect(throws: KnowledgeError.self) {
                    try await build([source], into: folder.appendingPathComponent("v1"), embedder: Wrong(values: values))
                }
                #expect(error?.code == "embedder_invalid")
            }
        }
    }

    @Test func `removing a collection leaves no byte of it`() async throws {
        try await withTemporaryFolder { folder in
            let home = folder.appendingPathComponent("user")
            let source = try folder.write("a.md", "A very particular phrase.")
            let directory = home.appendingPathComponent("v1")
            _ = try await build([source], into: directory)
            try CollectionFolder.unfinished(directory).write("scratch/unpacked/a.md", "A very particular phrase.")
            try CollectionFolder.remove(directory)
            #expect(try FileManager.default.contentsOfDirectory(atPath: home.path).isEmpty)
            try CollectionFolder.remove(directory)
        }
    }
}
