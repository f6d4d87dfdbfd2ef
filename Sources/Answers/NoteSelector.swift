import Calls
import Foundation
import Knowledge

/// Picks the few sentences of the passages that speak to the question. A small model given whole
/// passages answers from the wrong sentence; given these, it can hold on to the right one.
package struct NoteSelector: Sendable {
    /// Sentences looked at, and kept.
    static let candidates = 40
    static let kept = 2

    let embedder: QueryEmbedder

    /// - Returns: sentences in the passages' order; where no embedder runs, whole passages and the reason.
    func select(_ question: String, _ passages: [Passage]) async -> (notes: [String], failure: String?) {
        let sentences = passages.flatMap { passage in Self.sentences(passage).map { (passage: passage, text: $0) } }.prefix(Self.candidates)
        guard sentences.count > Self.kept else { return (sentences.map(\.text), nil) }
        let query: EmbeddingBatch
        let batch: EmbeddingBatch
        do {
            let engine = try await embedder.engine()
            query = try await engine.embed([question], kind: .query)
            // A sentence is understood under its heading: "At 18:00" means little by itself.
            batch = try await engine.embed(sentences.map { "\($0.passage.title) \($0.passage.headings.last ?? ""): \($0.text)" }, kind: .passage)
        } catch { return (passages.map(\.text), "\(error)") }
        let scores = (0..<batch.count).map { row in
            (0..<batch.dimension).reduce(Float(0)) { $0 + query.values[$1] * batch.values[row * batch.dimension + $1] }
        }
        let best = scores.indices.sorted { scores[$0] > scores[$1] }.prefix(Self.kept).sorted()
        return (best.map { sentences[$0].text }, nil)
    }

    /// Sentences and list items; each row of a table as `header value, header value`.
    package static func sentences(_ passage: Passage) -> [String] {
        var result: [String] = []
        var header: [String] = []
        for line in passage.text.split(whereSeparator: \.isNewline).map({ $0.trimmingCharacters(in: .whitespaces) }) {
            if line.hasPrefix("|") {
                let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                if cells.allSatisfy({ $0.allSatisfy { "-: ".contains($0) } }) { continue }
                if header.isEmpty { header = cells } else { result.append(zip(header, cells).map { "\($0) \($1)" }.joined(separator: ", ") + ".") }
                continue
            }
            header = []
            if line.hasPrefix("#") || line.hasPrefix("```") { continue }
            let text = line.replacing(/^([-*+]|\d+[.)])\s+/, with: "")
            // No space follows a full-width stop.
            for part in text.replacing(/[。！？][」』”’）]*/, with: { "\($0.0)\n" }).split(separator: "\n") {
                var (sentence, before) = ("", Substring())
                for word in part.split(separator: " ") {
                    sentence += (sentence.isEmpty ? "" : " ") + word
                    defer { before = word }
                    guard RestylePiece.ends(word, after: before) else { continue }
                    result.append(sentence)
                    sentence = ""
                }
                if !sentence.isEmpty { result.append(sentence) }
            }
        }
        return result
    }
}
