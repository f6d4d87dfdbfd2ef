import Knowledge

/// Finds the passage that says what a sentence says, in the same words.
///
/// A passage supports a sentence that stands in one of its own sentences, word after word, from the beginning of that
/// sentence or of a clause of it to its end or to the end of a clause. Articles, plurals, and the spelling of numbers,
/// units and times may differ. An adverbial may have moved from one end to the other: "In May it closes."
///
/// What the passage's sentence says besides may hold no denial, condition, quantity or possibility: without them the
/// rest would say more than the passage does. Who does what to whom, how many, and whether it must, may or might, is
/// said by the order and the small words, and so these are compared like all others.
///
/// It is made for not being wrong: a paraphrase gets no mark.
struct PassageSupport: Sendable {
    /// Words and numbers a sentence must have: fewer are shared by chance.
    static let weightAtLeast = 3
    /// Bytes of a sentence that are looked at: longer ones are none.
    static let longest = 1200

    /// By passage.
    private let sources: [[ClaimWords]]

    init(_ passages: [Passage]) {
        sources = passages.map { passage in
            var sentences = NoteSelector.sentences(passage).flatMap { $0.split { ";；".contains($0) } }
                .filter { $0.utf8.count <= Self.longest && !"?？".contains($0.last!) }.map(String.init)
            // "It closes at six" under the heading "Pool": the pool does.
            if let first = sentences.first, let space = first.firstIndex(of: " "), ClaimLanguage.pronouns.contains(first[..<space].lowercased()) {
                for heading in Set([passage.title, passage.headings.last ?? ""]) where !heading.isEmpty {
                    sentences.append(heading + first[space...])
                }
            }
            return sentences.map { ClaimWords($0) }
        }
    }

    /// The number of the first passage, from 1, that supports the sentence; nil where none does.
    func passage(for sentence: String) -> Int? {
        guard sentence.utf8.count <= Self.longest else { return nil }
        let claim = ClaimWords(sentence)
        guard claim.weight >= Self.weightAtLeast else { return nil }
        return sources.firstIndex { $0.contains { Self.holds($0, claim.keys) } }.map { $0 + 1 }
    }

    private static func holds(_ sentence: ClaimWords, _ claim: [String]) -> Bool {
        let keys = sentence.keys
        guard keys.count >= claim.count else { return false }
        return (0...(keys.count - claim.count)).contains { start in
            let end = start + claim.count
            return begins(at: start, sentence) && ends(at: end, sentence, claim) && isSame(keys[start..<end], claim)
                && !(keys[..<start] + keys[end...]).contains(where: ClaimLanguage.qualifiers.contains)
        }
    }

    /// A clause of its own begins behind a pause and "and" or "but". What a sentence opens with, as in "On Sundays" or
    /// "If it rains", holds for all of them.
    private static func begins(at index: Int, _ sentence: ClaimWords) -> Bool {
        index == 0
            || sentence.pauses.contains(index - 1) && ClaimLanguage.conjunctions.contains(sentence.keys[index - 1])
                && !ClaimLanguage.prepositions.contains(sentence.keys[0])
    }

    /// A clause ends before a pause. "It must, where it rains, be closed" has no end before "where": it goes on.
    private static func ends(at index: Int, _ sentence: ClaimWords, _ claim: [String]) -> Bool {
        guard index < sentence.keys.count else { return true }
        return sentence.pauses.contains(index)
            && (ClaimLanguage.conjunctions.contains(sentence.keys[index]) || !claim.contains(where: ClaimLanguage.limits.contains))
    }

    /// Whether both have the same words in the same order, but for an adverbial that has moved from one end to the other.
    private static func isSame(_ clause: ArraySlice<String>, _ claim: [String]) -> Bool {
        if clause.elementsEqual(claim) { return true }
        let opens = ClaimLanguage.prepositions.contains(clause.first!)
        return clause.indices.dropFirst().contains { index in
            clause[index] == claim[0] && (opens || ClaimLanguage.prepositions.contains(clause[index]))
                && (clause[index...] + clause[..<index]).elementsEqual(claim)
        }
    }
}
