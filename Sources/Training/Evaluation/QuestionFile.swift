import Domain
import Foundation
import Providers

/// Questions about the documents that a user gives: a `custom` dataset whose lines are JSON objects with
/// `question`, and with `answer` (a phrase a right answer states), or with the documents that answer it in
/// `source`, `page`, `document` or `sources` (names, or `{"document","relevance"}`), or both.
enum QuestionFile {
    /// - Returns: none for a file of another kind.
    static func read(_ file: URL) throws -> [EvaluationQuestion] {
        try BoundedLines.read(file).compactMap { line in
            guard let value = try? JSONValue(parsing: line), let text = value["question"]?.stringValue, !text.isEmpty else { return nil }
            var question = EvaluationQuestion(kind: .knowledge, messages: [ChatMessage(.user, text)])
            question.fact = value["answer"]?.stringValue
            for name in ["source", "page", "document"] { if let source = value[name]?.stringValue { question.sources[source] = 1 } }
            for source in value["sources"]?.arrayValue ?? [] {
                if let name = source.stringValue { question.sources[name] = 1 }
                if let name = source["document"]?.stringValue { question.sources[name] = source["relevance"]?.intValue ?? 1 }
            }
            return question.fact == nil && question.sources.isEmpty ? nil : question
        }
    }
}
