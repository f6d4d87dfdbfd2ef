import Foundation
import Knowledge
import Testing

/// The samples a newcomer sees first: each question's answer has to be among the passages.
@Suite("Sample handbook", .serialized)
struct HandbookTests {
    private struct Question: Decodable {
        var question: String
        var page: String
        var answer: String
    }

    private static let samples = TestFiles.root.appendingPathComponent("samples")
    private static let questions = samples.appendingPathComponent("questions.jsonl")

    @Test(
        .enabled("needs the Python environment, the embedding model and the samples") {
            EngineFiles.found != nil && FileManager.default.fileExists(atPath: questions.path)
        })
    func `the answer is among the first five passages`() async throws {
        let questions = try String(decoding: Data(contentsOf: Self.questions), as: UTF8.self).split(separator: "\n")
            .map { try JSONDecoder().decode(Question.self, from: Data($0.utf8)) }
        let embedder = try EngineEmbedder(engine: #require(EngineFiles.found))
        try await withTemporaryFolder { folder in
            let directory = folder.appendingPathComponent("v1")
            let summary = try await build([Self.samples.appendingPathComponent("handbook")], into: directory, embedder: embedder)
            #expect(summary.problems.isEmpty)
            let index = try CollectionIndex.open(directory)
            for strategy in SearchStrategy.allCases {
                var found = 0
                for question in questions {
                    let reply = try await index.search(question.question, embedder: embedder, options: .init(strategy: strategy))
                    #expect(reply.degraded == nil)
                    if reply.passages.contains(where: { $0.document == question.page && $0.text.contains(question.answer) }) { found += 1 }
                }
                print("Handbook: \(strategy) has the answer of \(found) of \(questions.count) questions in 5 passages")
                if strategy == .hybrid { #expect(Double(found) >= 0.9 * Double(questions.count)) }
            }
        }
    }
}
