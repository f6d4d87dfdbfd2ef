import Answers
import Calls
import Foundation
import Knowledge

/// Whether what an answer says stands in its passages.
///
/// A sentence is supported by a passage that holds all its numbers and names and, either, at least half of
/// the words that carry its subject, or a sentence whose embedding has a cosine of at least 0.8 with its own.
/// A sentence without a number or a name and with fewer than three such words says nothing that could be
/// supported and does not count: a greeting is no claim.
struct Grounding: Sendable {
    static let overlapAtLeast = 0.5
    static let cosineAtLeast = 0.8
    static let wordsAtLeast = 3

    /// Nil where no embedder runs: then words alone decide.
    let embedder: EngineEmbedder?

    /// Supported and all claims of an answer.
    func run(_ answer: String, passages: [Passage]) async throws -> (supported: Int, of: Int) {
        let claims = Claims.sentences(answer).filter { !Claims.facts($0).isEmpty || Claims.content($0).count >= Self.wordsAtLeast }
        guard !claims.isEmpty else { return (0, 0) }
        let sources = passages.map { Source($0) }
        var open: [(claim: String, sources: [Source])] = []
        var supported = 0
        for claim in claims {
            let facts = Claims.facts(claim)
            let able = sources.filter { facts.isSubset(of: $0.held) }
            let words = Claims.content(claim)
            if able.contains(where: { Self.overlap(words, $0.content) >= Self.overlapAtLeast }) {
                supported += 1
            } else if !able.isEmpty {
                open.append((claim, able))
            }
        }
        if let embedder, !open.isEmpty { supported += try await similar(open, embedder) }
        return (supported, claims.count)
    }

    /// How many of the claims have a sentence of like meaning in their sources.
    private func similar(_ open: [(claim: String, sources: [Source])], _ embedder: EngineEmbedder) async throws -> Int {
        var count = 0
        for (claim, sources) in open {
            let sentences = sources.flatMap(\.sentences).prefix(40)
            guard !sentences.isEmpty else { continue }
            let cosines = try await Cosine.of(claim, Array(sentences), embedder)
            if cosines.contains(where: { $0 >= Self.cosineAtLeast }) { count += 1 }
        }
        return count
    }

    private static func overlap(_ words: Set<String>, _ source: Set<String>) -> Double {
        words.isEmpty ? 0 : Double(words.intersection(source).count) / Double(words.count)
    }

    private struct Source: Sendable {
        var held: Set<String>
        var content: Set<String>
        var sentences: [String]

        init(_ passage: Passage) {
            // A passage is read under its title and headings.
            let whole = ([passage.title] + passage.headings + [passage.text]).joined(separator: "\n")
            held = Claims.held(whole)
            content = Claims.content(whole)
            sentences = NoteSelector.sentences(passage)
        }
    }

    /// Right and all citations of an answer. One is right when its passage holds every number and name of the
    /// sentence that bears its mark, and the known answer where that sentence states it; a sentence with neither
    /// needs half of its words there.
    static func citations(_ answer: ArmAnswer, fact: String?) -> (right: Int, of: Int) {
        var right = 0
        var count = 0
        for sentence in Claims.marked(answer.text) {
            let bare = sentence.replacing(/\s*\[\d{1,2}\]/, with: "")
            let facts = Claims.facts(bare)
            let states = fact.map { Claims.phrase(bare).contains(Claims.phrase($0)) } ?? false
            for number in Citations.marks(in: sentence, passages: answer.passages.count) {
                count += 1
                let source = Source(answer.passages[number - 1])
                let holdsAnswer = !states || Claims.phrase(answer.passages[number - 1].text).contains(Claims.phrase(fact!))
                let holdsFacts =
                    facts.isEmpty && !states
                    ? overlap(Claims.content(bare), source.content) >= overlapAtLeast : facts.isSubset(of: source.held)
                if holdsAnswer, holdsFacts { right += 1 }
            }
        }
        return (right, count)
    }
}

/// Cosines of embeddings, which are of unit length.
enum Cosine {
    static func of(_ text: String, _ others: [String], _ embedder: EngineEmbedder) async throws -> [Double] {
        let batch = try await embedder.embed([text] + others, kind: .passage)
        return (1..<batch.count).map { row in
            (0..<batch.dimension).reduce(0) { $0 + Double(batch.values[$1]) * Double(batch.values[row * batch.dimension + $1]) }
        }
    }
}
