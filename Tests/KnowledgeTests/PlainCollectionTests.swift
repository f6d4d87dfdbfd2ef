import Foundation
import Knowledge
import Testing

@Suite("Plain form of collections")
struct PlainCollectionTests {
    private static let queries = ["river stone", "winter engine 3", "note 7", "d12"]
    private static let files = ["documents.jsonl", "texts.utf8", "vectors.f32"]

    /// A collection of both shapes of documents, and the folder for its plain form.
    private func withCollection(_ body: (_ folder: URL, _ collection: URL, _ plain: URL) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let sources = folder.appendingPathComponent("sources")
            try sources.write("corpus.jsonl", corpus(documents: 30))
            try sources.write("häfen/lotse.md", "# Lotse\n\n## Dienst\n\nÜber Nacht. Über Nacht.\n\n## Dienst\n\nÜber Nacht. Über Nacht.\n")
            let collection = folder.appendingPathComponent("v1")
            _ = try await build([sources], into: collection, settings: .init(maxTokens: 40, overlapTokens: 8))
            let plain = folder.appendingPathComponent("plain")
            try FileManager.default.createDirectory(at: plain, withIntermediateDirectories: true)
            try await body(folder, collection, plain)
        }
    }

    /// All four files in one folder, as the archive of a release has them.
    private func write(_ collection: URL, _ plain: URL) throws {
        for file in try PlainCollection.write(collection, into: plain) where file.deletingLastPathComponent().path != plain.path {
            try FileManager.default.copyItem(at: file, to: plain.appendingPathComponent(file.lastPathComponent))
        }
    }

    @Test func `what is built from it answers the same and has the same plain form`() async throws {
        try await withCollection { folder, collection, plain in
            try write(collection, plain)
            let again = folder.appendingPathComponent("again/v1")
            let summary = try PlainCollection.build(plain, into: again, fingerprint: "elsewhere")
            var expected = try CollectionIndex.open(collection).summary
            expected.bytes = summary.bytes
            #expect(summary == expected)
            #expect(try await answers(again, Self.queries) == answers(collection, Self.queries))
            #expect(
                try CollectionIndex.open(again).documents(limit: 100) == CollectionIndex.open(collection).documents(limit: 100))
            let second = folder.appendingPathComponent("plain2")
            try FileManager.default.createDirectory(at: second, withIntermediateDirectories: true)
            try write(again, second)
            for name in Self.files + ["collection.json"] {
                #expect(try Data(contentsOf: plain.appendingPathComponent(name)) == Data(contentsOf: second.appendingPathComponent(name)), "\(name)")
            }
        }
    }

    @Test func `an update of what was imported keeps its vectors`() async throws {
        try await withCollection { folder, collection, plain in
            try write(collection, plain)
            let imported = folder.appendingPathComponent("imported/v1")
            let before = try PlainCollection.build(plain, into: imported, fingerprint: "elsewhere")
            let more = try folder.write("more.txt", "A new note about copper.")
            let summary = try await CollectionBuilder(
                embedder: HashingEmbedder(), extractor: nil, settings: .init(maxTokens: 40, overlapTokens: 8)
            ).build(
                sources: [DocumentSource(more)], update: .init(previous: imported, strategy: .append),
                into: folder.appendingPathComponent("imported/v2")
            ) { _ in }
            #expect(summary.changes?.chunksReused == before.chunks && summary.changes?.chunksEmbedded == 1)
        }
    }

    @Test(arguments: [
        ("documents.jsonl", "\"start\":0", "\"start\":-1"), ("documents.jsonl", "\"start\":0", "\"start\":9223372036854775807"),
        ("documents.jsonl", "\"end\":", "\"end\":99999999"), ("documents.jsonl", "\"title\":", "\"titel\":"),
        ("documents.jsonl", "\"bytes\":", "\"bytes\":9"), ("documents.jsonl", "\"tokens\":", "\"tokens\":9223372036854775807,\"more\":"),
        ("collection.json", "\"dimension\":48", "\"dimension\":96"), ("collection.json", "48", "-48"), ("collection.json", "48", "1e99"),
    ]) func `files that do not belong together are a damaged index`(name: String, old: String, new: String) async throws {
        try await withCollection { folder, collection, plain in
            try write(collection, plain)
            let file = plain.appendingPathComponent(name)
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.contains(old))
            try text.replacingOccurrences(of: old, with: new).write(to: file, atomically: true, encoding: .utf8)
            #expect { try PlainCollection.build(plain, into: folder.appendingPathComponent("again/v1"), fingerprint: "x") } throws: {
                ($0 as? KnowledgeError)?.code == "index_damaged"
            }
            #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("again/v1").path))
        }
    }

    @Test func `texts and vectors that end early are a damaged index`() async throws {
        try await withCollection { folder, collection, plain in
            for (index, name) in ["texts.utf8", "vectors.f32", "documents.jsonl"].enumerated() {
                let copy = folder.appendingPathComponent("copy\(index)")
                try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
                try write(collection, copy)
                let handle = try FileHandle(forUpdating: copy.appendingPathComponent(name))
                try handle.truncate(atOffset: try handle.seekToEnd() - 3)
                try handle.close()
                #expect(throws: KnowledgeError.self) {
                    try PlainCollection.build(copy, into: folder.appendingPathComponent("again\(index)/v1"), fingerprint: "x")
                }
            }
        }
    }
}
