import Foundation
import Knowledge
import Synchronization
import TestSupport
import Testing

/// A build in a process of its own, killed with signal 9 wherever it happens to be.
@Suite("Killed builds", .serialized)
struct BuildKilledTests {
    private static let variable = "ATELIER_TEST_KILLED_BUILD"
    private static let settings = ChunkingSettings(maxTokens: 30, overlapTokens: 6)
    private static let queries = ["river stone winter", "copper violin", "note 3"]

    /// Builds version 2 of the folder: version 1's documents and the new ones.
    private static func buildNext(in folder: URL, embedder: HashingEmbedder) async throws {
        _ = try await CollectionBuilder(embedder: embedder, extractor: nil, settings: settings).build(
            sources: [DocumentSource(folder.appendingPathComponent("new.jsonl"))],
            update: CollectionUpdate(previous: folder.appendingPathComponent("v1"), strategy: .merge),
            into: folder.appendingPathComponent("v2")
        ) { _ in }
    }

    /// Not a test of its own: what the child runs. At each step it says `@` on its standard error and waits for a byte, so that it
    /// is not further than the other thinks.
    @Test(.enabled("only in the child of the other test") { ProcessInfo.processInfo.environment[variable] != nil })
    func `child`() async throws {
        let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment[Self.variable]!)
        var embedder = HashingEmbedder()
        @Sendable func step() {
            FileHandle.standardError.write(Data("@".utf8))
            _ = try? FileHandle.standardInput.read(upToCount: 1)
        }
        embedder.beforeCounting = step
        embedder.beforeEmbedding = { _ in step() }
        try await Self.buildNext(in: folder, embedder: embedder)
    }

    @Test(.enabled("needs /proc to find its own program") { FileManager.default.fileExists(atPath: "/proc/self/exe") })
    func `a build killed at twenty random points is finished to the undisturbed result`() async throws {
        try await withTemporaryFolder { folder in
            let old = try folder.write("old.jsonl", corpus(documents: 120, sentences: 14))
            try folder.write("new.jsonl", corpus(documents: 400, sentences: 16).replacingOccurrences(of: "\"d1", with: "\"e1"))
            _ = try await build([old], into: folder.appendingPathComponent("v1"), settings: Self.settings)
            let steps = Mutex(0)
            let embedded = Mutex(0)
            var embedder = HashingEmbedder()
            embedder.beforeCounting = { steps.withLock { $0 += 1 } }
            embedder.beforeEmbedding = { count in
                steps.withLock { $0 += 1 }
                embedded.withLock { $0 += count }
            }
            try await Self.buildNext(in: folder, embedder: embedder)
            let directory = folder.appendingPathComponent("v2")
            let whole = folder.appendingPathComponent("whole")
            try FileManager.default.moveItem(at: directory, to: whole)
            let expected = try await answers(whole, Self.queries)
            let undisturbed = (steps: steps.withLock { $0 }, embedded: embedded.withLock { $0 })
            #expect(undisturbed.embedded > 500)

            var random = SeededGenerator(seed: 4)
            var interrupted = 0
            for round in 0..<20 {
                try CollectionFolder.remove(directory)
                try kill(after: Int.random(in: 1...undisturbed.steps, using: &random), spin: Int.random(in: 0...200_000, using: &random), folder)
                var before = 0
                if let index = try CollectionIndex.openUnfinished(directory) {
                    // What is there can be searched, however the builder died.
                    let reply = try await index.search("river stone", embedder: HashingEmbedder())
                    #expect(reply.chunksTotal == 0 || !reply.passages.isEmpty)
                    before = reply.chunksEmbedded
                    interrupted += 1
                } else if FileManager.default.fileExists(atPath: directory.path) {
                    before = try CollectionIndex.open(directory).summary.chunks
                }
                let again = Mutex(0)
                var resumed = HashingEmbedder()
                resumed.beforeEmbedding = { count in again.withLock { $0 += count } }
                try await Self.buildNext(in: folder, embedder: resumed)
                #expect(try await answers(directory, Self.queries) == expected, "round \(round)")
                // Copied vectors come among the others, so the sum may be less, never more.
                #expect(again.withLock { $0 } <= undisturbed.embedded)
                let total = try CollectionIndex.open(directory).summary.chunks
                #expect(again.withLock { $0 } <= total - before, "round \(round): a finished vector was computed again")
                for name in ["vectors.f32", "vectors.i8"] {
                    let files = try [directory, whole].map { try Data(contentsOf: $0.appendingPathComponent(name)) }
                    #expect(files[0] == files[1], "round \(round): \(name)")
                }
                #expect(
                    try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == ["chunks.sqlite", "vectors.f32", "vectors.i8"])
            }
            #expect(interrupted >= 10, "\(interrupted): the kills came too late to mean anything")
        }
    }

    /// Starts the child and kills it once it has made `steps` steps and this process `spin` turns more.
    private func kill(after steps: Int, spin: Int, _ folder: URL) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--testing-library", "swift-testing", "--filter", "BuildKilledTests.child"]
        process.environment = ProcessInfo.processInfo.environment.merging([Self.variable: folder.path]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        let (pipe, turn) = (Pipe(), Pipe())
        process.standardError = pipe
        process.standardInput = turn
        try process.run()
        var left = steps
        while left > 0 {
            let data = pipe.fileHandleForReading.availableData
            if data.isEmpty { break }
            let said = data.count { $0 == UInt8(ascii: "@") }
            left -= said
            // It waits for as many.
            try turn.fileHandleForWriting.write(contentsOf: Data(count: said))
        }
        var turns = 0
        for turn in 0..<spin { turns ^= turn }
        if turns != -1 { _ = Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }
}
