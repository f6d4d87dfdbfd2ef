import Domain
import Foundation
import Knowledge
import Synchronization
import Testing

/// Documents, questions and which document answers which; and what each strategy must reach.
private struct Judged: Sendable, CustomTestStringConvertible {
    var name: String
    var queries: Int
    var ndcgAtLeast: [SearchStrategy: Double]
    /// Nil: written for the test from the sample handbook.
    var folder: URL?
    var testDescription: String { name }

    static let handbook = Judged(name: "handbook", queries: 40, ndcgAtLeast: [.hybrid: 0.8, .dense: 0.75, .lexical: 0.6])
    /// Reference with the same model and plain fusion: lexical 0.508, dense 0.540, hybrid 0.561.
    static let cranfield = Judged(
        name: "Cranfield", queries: 225, ndcgAtLeast: [.hybrid: 0.55, .dense: 0.52, .lexical: 0.48], folder: TestFiles.cranfield)
    /// Cranfield where it is at hand.
    static let all = [handbook] + (TestFiles.hasCranfield ? [cranfield] : [])

    /// The handbook's sections, and its questions with the sections that hold the answer's words: in BEIR's layout.
    static func writeHandbook(to folder: URL) throws {
        struct Question: Decodable {
            var question: String
            var page: String
            var answer: String
        }
        struct Row: Encodable {
            var _id: String
            var title = ""
            var text: String
        }
        let samples = TestFiles.root.appendingPathComponent("samples")
        var sections: [(page: String, row: Row)] = []
        for page in try FileManager.default.contentsOfDirectory(atPath: samples.appendingPathComponent("handbook").path).sorted() {
            let text = try String(contentsOf: samples.appendingPathComponent("handbook/\(page)"), encoding: .utf8)
            for section in ("\n" + text).components(separatedBy: "\n#") {
                let lines = section.split(separator: "\n", maxSplits: 1)
                guard lines.count == 2 else { continue }
                let title = String(lines[0].drop { $0 == "#" || $0 == " " })
                sections.append((page, Row(_id: "section-\(sections.count)", title: title, text: String(lines[1]))))
            }
        }
        let questions = try String(contentsOf: samples.appendingPathComponent("questions.jsonl"), encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(Question.self, from: Data($0.utf8)) }
        func lines(_ rows: [Row]) throws -> Data {
            try rows.map { try JSONEncoder().encode($0) + Data("\n".utf8) }.reduce(Data(), +)
        }
        try lines(sections.map(\.row)).write(to: folder.appendingPathComponent("corpus.jsonl"))
        try lines(questions.enumerated().map { Row(_id: "\($0.offset)", text: $0.element.question) })
            .write(to: folder.appendingPathComponent("queries.jsonl"))
        let judgements = questions.enumerated().flatMap { number, question in
            sections.filter { $0.page == question.page && $0.row.text.contains(question.answer) }.map { "\(number)\t\($0.row._id)\t1\n" }
        }
        try Data(("query-id\tcorpus-id\tscore\n" + judgements.joined()).utf8).write(to: folder.appendingPathComponent("qrels.tsv"))
    }
}

/// Quality and speed with the real model.
@Suite("Judged collections", .serialized)
struct CranfieldTests {
    @Test(.enabled("needs the Python environment and the embedding model") { EngineFiles.found != nil }, arguments: Judged.all)
    private func `hybrid search is as good as it should be`(_ judged: Judged) async throws {
        let embedder = try EngineEmbedder(engine: #require(EngineFiles.found))
        try await withTemporaryFolder { folder in
            let directory = folder.appendingPathComponent("v1")
            if judged.folder == nil { try Judged.writeHandbook(to: folder) }
            let files = judged.folder ?? folder
            let start = ContinuousClock.now
            let summary = try await build([files.appendingPathComponent("corpus.jsonl")], into: directory, embedder: embedder)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            print("\(judged.name): \(summary.documents) documents, \(summary.chunks) chunks, \(Double(summary.chunks) / seconds) chunks/s")

            let judgements = try RetrievalJudgements(
                queries: files.appendingPathComponent("queries.jsonl"), qrels: files.appendingPathComponent("qrels.tsv"))
            let index = try CollectionIndex.open(directory)
            let reports = try await RetrievalEvaluator(judgements: judgements).evaluate(index, embedder: embedder)
            for report in reports { print("\(judged.name): \(report)") }
            #expect(reports.allSatisfy { $0.degraded == 0 && $0.queries == judged.queries })
            let ndcg = Dictionary(uniqueKeysWithValues: reports.map { ($0.strategy, $0.ndcgAt10) })
            for (strategy, least) in judged.ndcgAtLeast { #expect(try #require(ndcg[strategy]) >= least, "\(strategy)") }
            try await sketches(index, queries: Array(embedder.embed(judgements.queries.prefix(25).map(\.text), kind: .query).values), folder)
        }
    }

    /// Real vectors, and copies with noise so that there are enough for sketches: found is what brute force finds.
    private func sketches(_ collection: CollectionIndex, queries: [Float], _ folder: URL) async throws {
        let real = Collected()
        try await collection.load(into: real)
        var random = RandomVectors(384, seed: 8)
        let vectors = real.vectors.withLock { real in
            (0..<5000).map { row in
                let vector = real[row % real.count]
                return row < real.count ? vector : RandomVectors.normalised(zip(vector, random.one()).map { $0 + 0.3 * $1 })
            }
        }
        let index = try EmbeddedVectorIndex(folder.appendingPathComponent("copies"), dimension: 384)
        try await index.add(vectors.enumerated().map { VectorEntry(id: "\($0.offset)", vector: $0.element, document: "d") })
        var found = 0
        for start in stride(from: 0, to: queries.count, by: 384) {
            let query = Array(queries[start..<start + 384])
            let scores = vectors.map { zip($0, query).reduce(Float(0)) { $0 + $1.0 * $1.1 } }.sorted(by: >)
            let hits = try await index.query(query, limit: 100, filter: nil)
            #expect(hits.count == 100)
            found += hits.count { $0.score >= Double(scores[99]) - 1e-6 }
        }
        #expect(found == queries.count / 384 * 100)
    }

    private final class Collected: VectorIndex {
        let vectors = Mutex<[[Float]]>([])
        func add(_ entries: [VectorEntry]) async throws { vectors.withLock { $0 += entries.map(\.vector) } }
        func query(_ vector: [Float], limit: Int, filter: DocumentFilter?) async throws -> [VectorHit] { [] }
        func delete(ids: [String]) async throws {}
        func delete(matching filter: DocumentFilter) async throws {}
        func count() async throws -> Int { 0 }
        func destroy() async throws {}
    }
}
