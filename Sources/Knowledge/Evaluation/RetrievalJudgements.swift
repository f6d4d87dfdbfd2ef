import Foundation

/// Queries and which documents answer them, from files in BEIR's layout.
public struct RetrievalJudgements: Sendable, Equatable {
    public struct Query: Sendable, Equatable {
        public var id: String
        public var text: String
        /// Relevance by document name.
        public var judgements: [String: Int]

        public init(id: String, text: String, judgements: [String: Int]) {
            self.id = id
            self.text = text
            self.judgements = judgements
        }
    }

    /// Queries with at least one relevant document, in the order of the file.
    public var queries: [Query]

    public init(queries: [Query]) {
        self.queries = queries
    }

    /// Reads `queries.jsonl` (`{"_id","text"}` a line) and `qrels.tsv` (query-id, corpus-id, score, with or
    /// without a header line).
    ///
    /// - Throws: `KnowledgeError.evaluationUnreadable` with file and line; the file system's error.
    public init(queries queriesFile: URL, qrels qrelsFile: URL) throws {
        var relevance: [String: [String: Int]] = [:]
        for (number, line) in try Self.lines(qrelsFile) {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count >= 3, let score = Int(fields[fields.count - 1]) else {
                if number == 1 { continue }
                throw KnowledgeError.evaluationUnreadable(
                    file: qrelsFile.lastPathComponent, line: number, reason: "expected query, document and a whole number, separated by tabs")
            }
            // TREC's own layout has an iteration column between query and document.
            relevance[String(fields[0]), default: [:]][String(fields[fields.count - 2])] = score
        }
        queries = try Self.lines(queriesFile).compactMap { number, line in
            guard let entry = try? JSONDecoder().decode(CorpusLine.self, from: Data(line.utf8)), let id = entry.id, let text = entry.text
            else {
                throw KnowledgeError.evaluationUnreadable(
                    file: queriesFile.lastPathComponent, line: number, reason: "expected a JSON object with \"_id\" and \"text\"")
            }
            guard let judgements = relevance[id], judgements.values.contains(where: { $0 > 0 }) else { return nil }
            return Query(id: id, text: text, judgements: judgements)
        }
    }

    private static func lines(_ file: URL) throws -> [(number: Int, text: String)] {
        String(decoding: try Data(contentsOf: file), as: UTF8.self)
            .split(omittingEmptySubsequences: false) { $0.isNewline }
            .enumerated().map { ($0.offset + 1, String($0.element)) }
            .filter { !$0.1.allSatisfy(\.isWhitespace) }
    }
}
