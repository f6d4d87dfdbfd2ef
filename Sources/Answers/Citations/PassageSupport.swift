import Foundation
import Knowledge

/// Finds the passage that says what a sentence says, by words and numbers alone.
///
/// A passage supports a sentence where one of its own sentences holds
/// - every word of it that any of the passages uses, and of all its words most, the rare ones counting most,
/// - every number with what it counts, every unit, year and name, the names in the same order,
/// - the word it begins with, which mostly is what it is about,
/// - and a denial or a direction ("before", "at least") where the sentence has one, and none where it has none.
///
/// Two sentences in a row count as one where one says what is claimed, of "it", and the other of whom. Rare is what few
/// sentences of the passages hold; a word that none holds is the rarest, and may be missing as another word for the same.
/// It is made for not being wrong: most paraphrases in other words get no mark.
struct PassageSupport: Sendable {
    /// Share of a sentence's weight that must be found, and that must be found in the one sentence of two that says it.
    static let coverage = (whole: 0.8, main: 0.6)
    /// Words and numbers that must be found; fewer are shared by chance. Two are enough where a number or a year is
    /// the same and nothing is missing.
    static let termsAtLeast = 3
    /// A shorter sentence is read together with the question it answers, unless it has a verb and as many words as must be found.
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
            // What is said behind a semicolon is said of something else.
            let sentences = NoteSelector.sentences(passage).flatMap { $0.split { ";；".contains($0) } }
            let terms = sentences.filter { $0.utf8.count <= Self.longest }.map { ClaimTerms(String($0)) }
            var windows = terms.map { Window($0) }
            for window in windows { for key in window.keys { frequency[key, default: 0] += 1 } }
            count += windows.count
            for (first, second) in zip(terms, terms.dropFirst()) { windows.append(Window(first.joined(with: second), parts: [first, second])) }
            let heading = ClaimTerms(String(([passage.title] + passage.headings).joined(separator: " . ").prefix(Self.longest)))
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
        let clauses = sentence.split { ";；".contains($0) }.map { passage(forClause: String($0)) }
        guard let first = clauses.first, clauses.allSatisfy({ $0 == first }) else { return nil }
        return first
    }

    private func passage(forClause clause: String) -> Int? {
        let claim = ClaimTerms(clause)
        var keys = claim.keys
        guard !keys.isEmpty else { return nil }
        // "At six." says what the question asks.
        if claim.length < (claim.hasVerb ? Self.termsAtLeast : Self.wordsAlone) { keys.formUnion(question) }
        let known = keys.filter { frequency[$0] != nil }
        var best: (passage: Int, share: Double)?
        for (index, source) in sources.enumerated() {
            guard known.allSatisfy(source.keys.contains) else { continue }
            for window in source.windows {
                guard let share = share(of: claim, keys, in: window, source) else { continue }
                if share > best?.share ?? 0 { best = (index + 1, share) }
            }
        }
        return best?.passage
    }

    /// Nil where the window does not support the claim.
    private func share(of claim: ClaimTerms, _ keys: Set<String>, in window: Window, _ source: Source) -> Double? {
        var (held, missing, terms, own) = (0.0, 0.0, 0, 0)
        for key in keys {
            let isOwn = window.keys.contains(key)
            if isOwn || source.headingKeys.contains(key) {
                held += weight(key)
                terms += 1
                if isOwn { own += 1 }
            } else if frequency[key] == nil {
                missing += weight(key)
            } else {
                return nil
            }
        }
        let share = held / (held + missing)
        let isShort = terms == Self.termsAtLeast - 1 && terms == keys.count && !(claim.numbers.isEmpty && claim.years.isEmpty)
        guard share >= Self.coverage.whole, terms >= Self.termsAtLeast || isShort, own * 2 >= terms,
            window.terms.denies == claim.denies, !claim.opposes(window.terms),
            claim.names.union(claim.measures).allSatisfy({ window.keys.contains($0) || source.headingKeys.contains($0) }),
            claim.subject.map({ window.keys.contains($0) || source.headingKeys.contains($0) }) ?? true, !claim.swaps(window.terms),
            claim.years.allSatisfy({ year in window.terms.holds(year: year) || source.heading.holds(year: year) }),
            claim.numbers.allSatisfy({ number in (window.terms.numbers + source.heading.numbers).contains { number.agrees(with: $0) } }),
            !window.isPair || window.parts.contains(where: { isMain($0, of: claim, keys, source) })
        else { return nil }
        // One sentence that says all is better than two.
        return window.isPair ? share - 0.001 : share
    }

    /// Whether one sentence of two says what is claimed, of "it": it holds most of the claim and all its numbers.
    private func isMain(_ part: ClaimTerms, of claim: ClaimTerms, _ keys: Set<String>, _ source: Source) -> Bool {
        // "Pier 3" is a name and may stand in the other.
        guard part.hasPronoun, claim.numbers.allSatisfy({ number in number.isLabel || part.numbers.contains(where: number.agrees) })
        else { return false }
        let held = keys.intersection(part.keys.union(source.headingKeys)).reduce(0) { $0 + weight($1) }
        return held >= Self.coverage.main * keys.reduce(0) { $0 + weight($1) }
    }

    /// As in inverse document frequency, of the passages' sentences.
    private func weight(_ key: String) -> Double {
        let held = Double(frequency[key] ?? 0)
        return log(1 + Double(count) / (held + 0.5)) + 0.1
    }
}
