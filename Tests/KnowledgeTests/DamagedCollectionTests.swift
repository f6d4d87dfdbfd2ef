import Foundation
import GRDB
import Testing

@testable import Knowledge

/// Files that something else has written to: whatever they say, reading them is an error and never the end of the process.
@Suite("Damaged collections")
struct DamagedCollectionTests {
    private func withCollection(_ body: (URL) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let sources = folder.appendingPathComponent("sources")
            try sources.write("corpus.jsonl", corpus(documents: 12))
            let directory = folder.appendingPathComponent("v1")
            _ = try await build([sources], into: directory)
            try await body(directory)
        }
    }

    /// Writes past every constraint.
    private func change(_ directory: URL, _ statements: [String]) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: directory.appendingPathComponent("chunks.sqlite").path, configuration: configuration)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON")
            try db.execute(
                sql: "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table' AND name <> 'meta'")
            try db.execute(sql: "PRAGMA schema_version = 99")
        }
        try queue.close()
        let loose = try DatabaseQueue(path: directory.appendingPathComponent("chunks.sqlite").path, configuration: configuration)
        try loose.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA ignore_check_constraints = ON")
            for statement in statements { try db.execute(sql: statement) }
        }
        try loose.close()
    }

    /// Everything that a collection is asked for.
    private func use(_ directory: URL) async throws {
        let index = try CollectionIndex.open(directory)
        _ = try index.documents(limit: 100)
        for number in 0..<12 { _ = try index.document(named: "d\(number)") }
        _ = try index.sample(20, start: 0.5)
        for strategy in SearchStrategy.allCases {
            _ = try await index.search(
                "river stone", embedder: HashingEmbedder(),
                options: SearchOptions(k: 20, strategy: strategy, neighbours: 2, duplicateCosine: 0.99, minCosine: -1))
            _ = try await index.search(
                "river stone", embedder: HashingEmbedder(), options: SearchOptions(k: 20, strategy: strategy, filter: .init(documents: ["d1", "d2"])))
        }
        let plain = directory.deletingLastPathComponent().appendingPathComponent("plain")
        try FileManager.default.createDirectory(at: plain, withIntermediateDirectories: true)
        _ = try PlainCollection.write(directory, into: plain)
    }

    @Test(arguments: [
        "UPDATE documents SET title = NULL WHERE id = 3", "UPDATE documents SET name = NULL WHERE id = 3",
        "UPDATE documents SET tags = NULL WHERE id = 3",
        "UPDATE documents SET tags = '[[' WHERE id = 3", "UPDATE documents SET tags = '[null]' WHERE id = 3",
        "UPDATE documents SET chunks = NULL WHERE id = 3", "UPDATE documents SET sha256 = NULL WHERE id = 3",
        "UPDATE documents SET first_chunk = 9223372036854775807 WHERE id = 2", "UPDATE documents SET chunks = 9223372036854775807 WHERE id = 2",
        "UPDATE documents SET first_chunk = -9 WHERE id = 2", "UPDATE document_texts SET text = NULL",
        "UPDATE chunks SET text = NULL WHERE number = 2",
        "UPDATE chunks SET title = NULL WHERE number = 2", "UPDATE chunks SET headings = NULL WHERE number = 2",
        "UPDATE chunks SET tokens = 9223372036854775807", "UPDATE chunks SET start_byte = -1", "UPDATE chunks SET end_byte = 9223372036854775807",
        "UPDATE chunks SET id = NULL WHERE number = 2", "UPDATE chunks SET number = -7 WHERE number = 2",
        "UPDATE chunks SET number = 9223372036854775807 WHERE number = 2", "DELETE FROM chunks WHERE number = 2",
        "UPDATE meta SET value = '9223372036854775807' WHERE key = 'embedded'", "UPDATE meta SET value = '-1' WHERE key = 'embedded'",
        "DELETE FROM meta WHERE key = 'embedded'", "UPDATE meta SET value = '{}' WHERE key = 'summary'",
    ]) func `rows that no build wrote are an index that is damaged`(statement: String) async throws {
        try await withCollection { directory in
            try change(directory, [statement])
            await #expect {
                try await use(directory)
            } throws: {
                ($0 as? KnowledgeError)?.code == "index_damaged"
            }
        }
    }

    @Test(arguments: ["UPDATE documents SET chunks = 0", "DELETE FROM documents WHERE id = 1", "UPDATE documents SET pages = '7'"])
    func `rows that say less are survived`(statement: String) async throws {
        try await withCollection { directory in
            try change(directory, [statement])
            // An error or an answer: what counts is that there is one.
            do { try await use(directory) } catch let error as KnowledgeError { #expect(error.code == "index_damaged") }
        }
    }

    @Test func `numbers of the word index beyond the vectors are not read`() async throws {
        try await withCollection { directory in
            try change(
                directory,
                [
                    "INSERT INTO chunks_fts (rowid, title, headings, text) VALUES (9000000, 'river', '', 'river stone river stone')",
                    "INSERT INTO chunks_fts (rowid, title, headings, text) VALUES (-5, 'river', '', 'river stone river stone')",
                ])
            let reply = try await CollectionIndex.open(directory).search(
                "river stone", embedder: HashingEmbedder(), options: SearchOptions(k: 20, neighbours: 2, duplicateCosine: 0.99, minCosine: -1))
            #expect(!reply.passages.isEmpty)
        }
    }

    @Test(arguments: [(0, 16), (0, 12), (1, 16), (0, 0), (0, 8)]) func `a header that does not fit its file is told`(file: Int, offset: UInt64)
        async throws
    {
        try await withCollection { directory in
            let name = ["vectors.f32", "vectors.i8"][file]
            for bytes in [[UInt8](repeating: 0xFF, count: 8), [UInt8](repeating: 0, count: 4), [1, 0, 0, 0, 0, 0, 0, 0x40]] {
                let copy = directory.deletingLastPathComponent().appendingPathComponent(UUID().uuidString)
                try FileManager.default.copyItem(at: directory, to: copy)
                let handle = try FileHandle(forUpdating: copy.appendingPathComponent(name))
                try handle.seek(toOffset: offset)
                try handle.write(contentsOf: bytes)
                try handle.close()
                #expect { try CollectionIndex.open(copy) } throws: { ($0 as? KnowledgeError)?.code == "index_damaged" }
            }
        }
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func `sketches about a centre that is none are not used`(value: Float) async throws {
        try await withTemporaryFolder { folder in
            var random = RandomVectors(64, seed: 5)
            let rows = SketchSpace.rows
            let values = (0..<rows).flatMap { _ in random.one() }
            let (writer, _) = try VectorWriter.open(folder, dimension: 64, rows: 0)
            try writer.append(values)
            try writer.finish(count: rows)
            let query = random.one()
            let sound = try VectorFiles(folder, collection: "v1")
            #expect(sound.sketches != nil)
            let handle = try FileHandle(forUpdating: folder.appendingPathComponent("vectors.b1"))
            try handle.seek(toOffset: 64 + 40)
            try withUnsafeBytes(of: value) { try handle.write(contentsOf: $0) }
            try handle.close()
            #expect { try VectorFiles(folder, collection: "v1") } throws: { ($0 as? KnowledgeError)?.code == "index_damaged" }
            // One that grows while it is read has no such check, and answers from the other files.
            let growing = try #require(GrowingVectors(folder, dimension: 64))
            let found = await VectorScan(vectors: try growing.rows(rows)).search(query, limit: 5)
            let expected = (0..<rows).map { row in zip(values[row * 64..<row * 64 + 64], query).reduce(0) { $0 + $1.0 * $1.1 } }.max()!
            #expect(abs(found[0].score - Double(expected)) < 1e-4)
        }
    }
}
