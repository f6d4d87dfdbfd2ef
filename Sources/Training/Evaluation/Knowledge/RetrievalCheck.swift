import Answers
import Domain
import Foundation
import Knowledge
import Store

/// How well the collection finds the documents that answer a question, through the search that answers use.
struct RetrievalCheck: Sendable {
    /// Documents looked at, as in nDCG@10.
    static let depth = 10

    let search: CollectionSearch

    /// One question's figures, 0 to 1.
    struct Found: Sendable, Equatable {
        var ndcg: Double
        var reciprocalRank: Double
    }

    /// - Returns: nil where the question has no sources.
    func run(
        _ question: EvaluationQuestion, _ collection: Collection, version: Int?, user: String, settings: PipelineSettings
    ) async throws -> Found? {
        guard !question.sources.isEmpty else { return nil }
        // Several chunks of one document count once, so more are asked for.
        let options = SearchOptions(k: Self.depth * 3, rerank: settings.rerank)
        guard let found = try await search.run(question.text, in: collection, version: version, user: user, options: options) else { return nil }
        return Self.measure(found.reply.passages.map(\.document), question)
    }

    /// - Parameter documents: of the passages, best first.
    static func measure(_ documents: [String], _ question: EvaluationQuestion) -> Found {
        var seen: Set<String> = []
        let ranking = documents.filter { seen.insert($0).inserted }.prefix(depth)
        // What the collection calls a document and what the question calls it may differ by a folder.
        var left = question.sources
        let names = ranking.map { document -> String in
            guard let source = left.keys.sorted().first(where: { document == $0 || document.hasSuffix("/\($0)") }) else { return "/\(document)" }
            left[source] = nil
            return source
        }
        return Found(
            ndcg: RetrievalMetrics.ndcg(Array(names), judgements: question.sources),
            reciprocalRank: RetrievalMetrics.reciprocalRank(Array(names), judgements: question.sources))
    }
}
