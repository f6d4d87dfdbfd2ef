import Foundation
import Knowledge

/// Maps `[n]` in an answer to passages, and sets the mark where a model left it out.
enum Citations {
    /// The marks in `text` that stand for a passage, in order of first appearance.
    static func marks(in text: String, passages: Int) -> [Int] {
        var seen: [Int] = []
        for match in text.matches(of: /\[(\d{1,2})\]/) {
            if let number = Int(match.1), (1...max(1, passages)).contains(number), passages > 0, !seen.contains(number) { seen.append(number) }
        }
        return seen
    }

    static func citations(_ numbers: [Int], by: String, _ passages: [Passage]) -> [Citation] {
        numbers.map { number in
            let passage = passages[number - 1]
            return Citation(
                number: number, document: passage.document, title: passage.title, chunkID: passage.chunkID, startByte: passage.startByte,
                endByte: passage.endByte, by: by)
        }
    }

    /// The passage an unmarked answer most likely rests on: the one that holds the most of its numbers
    /// and longer words that the question did not already have. Nil when the overlap is thin, because
    /// a wrong source is worse than none.
    static func supporting(_ answer: String, question: String, passages: [Passage]) -> Int? {
        let asked = Set(terms(question))
        let said = Set(terms(answer)).subtracting(asked)
        guard !said.isEmpty else { return nil }
        let scores = passages.map { passage -> Double in
            let held = Set(terms(passage.text))
            return said.reduce(0) { $0 + (held.contains($1) ? ($1.contains(where: \.isNumber) ? 3 : 1) : 0) }
        }
        guard let best = scores.indices.max(by: { scores[$0] < scores[$1] || (scores[$0] == scores[$1] && $0 > $1) }), scores[best] >= 3 else {
            return nil
        }
        return best + 1
    }

    /// Words of five letters or more and anything with a digit, in lower case.
    private static func terms(_ text: String) -> [String] {
        text.lowercased().split { !($0.isLetter || $0.isNumber || $0 == ".") }.map { $0.trimmingCharacters(in: ["."]) }
            .filter { $0.count >= 5 || $0.contains(where: \.isNumber) }
    }
}
