import Foundation
import Knowledge

/// Finds the passage that says what a sentence says, by words and numbers alone.
///
/// A passage supports a sentence where one of its own sentences, or two in a row, holds
/// - every number with the word it counts or names, every year and every name,
/// - most of its other words, the rare ones counting most (``coverage``),
/// - and a denial or a direction ("before", "at least") where the sentence has one, and none where it has none.
///
/// A word that only another passage holds speaks against this one, and counts twice. Rare is what few sentences of the passages hold; a word that none holds is the rarest. It is made for not being
/// wrong: a paraphrase in other words gets no mark.
struct PassageSupport: Sendable {
    /// Share of a sentence's weight that one sentence of a passage must hold, and that two in a row must. Of two, the one
    /// with the number must hold the first share by itself: a number is not taken for the subject of the sentence beside it.
    static let coverage = (one: 0.72, two: 0.84)
    /// Words and numbers that must be found; fewer are shared by chance. Two are enough where a number or a year is
    /// the same and nothing is missing.
    static let termsAtLeast = 3
    /// A shorter sentence is read together with the question it answers.
    static let wordsAlone = 4
    /// Bytes of a sentence that are looked at: longer ones are none.
    static let longest = 1200

    /// One sentence, or two in a row.
    private struct Window: Sendable {
        var terms: ClaimTerms
        var keys: Set<String>
        var parts: [ClaimTerms] = []

        init(_ terms: ClaimTerms, parts: [ClaimTerms] = []) {
            self.terms = terms
            self.parts = parts
            keys = terms.keys
        }

        var isPair: Bool { !parts.isEmpty }
    }

    private struct Source: Sendable {
        /// Of title and headings, under which every sentence is read.
        var heading: ClaimTerms
        var headingKeys: Set<String>
        var windows: [Window]
        /// Of the whole passage.
        var keys: Set<String>
    }

    private let sources: [Source]
    private let question: Set<String>
    private let frequency: [String: Int]
    private let count: Int

    init(_ passages: [Passage], question: String) {
        var frequency: [String: Int] = [:]
        var count = 0
        sources = passages.map { passage in
            let sentences = NoteSelector.sentences(passage).filter { $0.utf8.count <= Self.longest }
            let terms = sentences.map { ClaimTerms($0) }
            var windows = terms.map { Window($0) }
            for window in windows { for key in window.keys { frequency[key, default: 0] += 1 } }
            count += windows.count
            for (first, second) in zip(terms, terms.dropFirst()) { windows.append(Window(first.joined(with: second), parts: [first, second])) }
            let heading = ClaimTerms(([passage.title] + passage.headings).joined(separator: " . "))
            return Source(
                heading: heading, headingKeys: heading.keys, windows: windows,
                keys: windows.reduce(into: heading.keys) { $0.formUnion($1.keys) })
        }
        self.frequency = frequency
        self.count = count
        // A pasted page is no question.
        self.question = question.utf8.count > Self.longest ? [] : ClaimTerms(question).words
    }

    /// The number of the passage, from 1, that best supports the sentence; nil where none does.
    func passage(for sentence: String) -> Int? {
        guard sentence.utf8.count <= Self.longest else { return nil }
        let claim = ClaimTerms(sentence)
        var keys = claim.keys
        guard !keys.isEmpty else { return nil }
        // "At six." says what the question asks.
        if claim.length < Self.wordsAlone { keys.formUnion(question) }
        let whole = keys.reduce(0) { $0 + weight($1) }
        var best: (passage: Int, share: Double)?
        for (index, source) in sources.enumerated() {
            // What the whole passage does not hold, none of its sentences does.
            let most = keys.reduce(0) { $0 + (source.keys.contains($1) ? weight($1) : 0) }
            guard most >= whole * Self.coverage.one else { continue }
            let others = keys.reduce(0) { $0 + (frequency[$1] != nil && !source.keys.contains($1) ? weight($1) : 0) }
            for window in source.windows {
                guard let share = share(of: claim, keys, whole + others, in: window, source) else { continue }
                if share > best?.share ?? 0 { best = (index + 1, share) }
            }
        }
        return best?.passage
    }

    /// Nil where the window does not support the claim.
    private func share(of claim: ClaimTerms, _ keys: Set<String>, _ whole: Double, in window: Window, _ source: Source) -> Double? {
        var (held, terms, own) = (0.0, 0, 0)
        for key in keys {
            let isOwn = window.keys.contains(key)
            guard isOwn || source.headingKeys.contains(key) else { continue }
            held += weight(key)
            terms += 1
            if isOwn { own += 1 }
        }
        let share = held / whole
        let isShort = terms == Self.termsAtLeast - 1 && terms == keys.count && !(claim.numbers.isEmpty && claim.years.isEmpty)
        guard share >= (window.isPair ? Self.coverage.two : Self.coverage.one), terms >= Self.termsAtLeast || isShort, own * 2 >= terms,
            window.terms.denies == claim.denies, !claim.opposes(window.terms),
            claim.names.allSatisfy({ window.keys.contains($0) || source.headingKeys.contains($0) }),
            claim.years.allSatisfy({ window.terms.years.contains($0) || source.heading.years.contains($0) }),
            claim.numbers.allSatisfy({ number in (window.terms.numbers + source.heading.numbers).contains { number.agrees(with: $0) } }),
            !window.isPair || claim.numbers.allSatisfy({ isTogether($0, keys, whole, window.parts, source) })
        else { return nil }
        // One sentence that says all is better than two.
        return window.isPair ? share - 0.001 : share
    }

    /// Whether most of the claim stands in the very sentence that has its number.
    private func isTogether(_ number: ClaimTerms.Number, _ keys: Set<String>, _ whole: Double, _ parts: [ClaimTerms], _ source: Source) -> Bool {
        parts.contains { part in
            guard part.numbers.contains(where: number.agrees) else { return false }
            let held = keys.intersection(part.keys.union(source.headingKeys)).reduce(0) { $0 + weight($1) }
            return held / whole >= Self.coverage.one
        }
    }

    /// As in inverse document frequency, of the passages' sentences.
    private func weight(_ key: String) -> Double {
        let held = Double(frequency[key] ?? 0)
        return log(1 + Double(count) / (held + 0.5)) + 0.1
    }
}
