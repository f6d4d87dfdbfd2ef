import Answers
import Domain
import Foundation
import Knowledge
import Providers
import Store

/// Makes questions from the documents where none were given.
///
/// A fact (a number with the word behind it) is picked that stands in one chunk of the whole collection and in no
/// other, so that nothing but that chunk can answer. The minion's own model, bare, is asked for a question that
/// the fact answers. It is kept if it is a question, does not give the fact away, and shares at least one word of
/// subject with the sentence it is about.
struct QuestionMaker: Sendable {
    let answers: any Answering
    /// Model calls for one question that is kept, at most.
    static let triesPerQuestion = 3

    /// - Parameters:
    ///   - count: questions wanted; there may be fewer.
    ///   - deadline: no call is begun after it.
    func make(
        _ count: Int, from index: CollectionIndex, _ minion: Minion, seed: Int, deadline: ContinuousClock.Instant
    ) async throws -> [EvaluationQuestion] {
        var questions: [EvaluationQuestion] = []
        var random = SeededRandom(seed: UInt64(seed))
        let chunks = try index.sample(count * Self.triesPerQuestion, start: Double.random(in: 0..<1, using: &random))
        for chunk in chunks.shuffled(using: &random) {
            guard questions.count < count, ContinuousClock.now < deadline else { break }
            guard let (fact, sentence) = try Self.fact(in: chunk, index) else { continue }
            let prompt = """
                Write one short question that the text answers with "\(fact)". Do not put the answer into the question. \
                Reply with the question alone.

                Text: \(chunk.title): \(sentence)
                """
            let question = Question(
                messages: [ChatMessage(.user, prompt)], sampling: Sampling(temperature: 0, maxTokens: 40, seed: seed), stream: false)
            let reply = try await answers.answer(minion.bare(), question, with: .init(), purpose: "evaluation").text
            guard let text = Self.accepted(reply, fact: fact, sentence: sentence) else { continue }
            questions.append(
                EvaluationQuestion(kind: .knowledge, messages: [ChatMessage(.user, text)], fact: fact, sources: [chunk.document: 1]))
        }
        return questions
    }

    /// The first number with its word that stands in this chunk alone, and its sentence.
    static func fact(in chunk: Chunk, _ index: CollectionIndex) throws -> (fact: String, sentence: String)? {
        for sentence in Claims.sentences(chunk.text) where sentence.count <= 300 {
            for match in sentence.matches(of: /[£$€]?\d[\d.,:]*\d?%?( [a-z]{3,})?/) {
                let fact = String(match.0)
                guard fact.count >= 3, try index.occurrences(of: fact) == 1 else { continue }
                return (fact, sentence)
            }
        }
        return nil
    }

    /// The question in a model's reply, if it will do.
    static func accepted(_ reply: String, fact: String, sentence: String) -> String? {
        guard let end = reply.firstIndex(of: "?") else { return nil }
        let text = String(reply[...end].split(whereSeparator: \.isNewline).last ?? "").trimmingCharacters(in: .whitespaces)
            .replacing(/^(Question|Q)\s*[:.]\s*/.ignoresCase(), with: "").trimmingCharacters(in: ["\"", " "])
        let words = text.split(separator: " ").count
        guard (4...30).contains(words), Claims.facts("It " + text).isDisjoint(with: Claims.facts("It " + fact)),
            !Claims.phrase(text).contains(Claims.phrase(fact)), !Claims.content(text).isDisjoint(with: Claims.content(sentence))
        else { return nil }
        return text
    }
}
