import Foundation

/// What a restyled text may not lose, by looking at the words alone: numbers, dates, names, quotations,
/// addresses, code, and whether anything is denied.
package enum RestyleFacts {
    /// - Returns: what `restyled` lacks, then with a plus the numbers and addresses it added; empty where all is there.
    package static func lost(_ original: String, _ restyled: String) -> [String] {
        // Digits of an address are the address's.
        let (addresses, kept) = (verbatim(original), verbatim(restyled))
        let wholes = (original, restyled)
        let (original, restyled) = (without(addresses, original), without(kept, restyled))
        let spoken = spokenNumbers(restyled)
        let digits = Set(numbers(restyled))
        var lost = numbers(original).filter { !digits.contains($0) && !spoken.contains($0) }
        lost += spokenNumbers(original).subtracting(spoken).subtracting(digits).sorted()
        let folded = fold(restyled)
        let words = Set(self.words(restyled).map { $0.lowercased() })
        lost += dates(original).filter { !words.contains($0) }
        lost += names(original).filter { !words.contains($0.lowercased()) }
        lost += quotations(original).filter { !folded.contains(fold($0)) }
        lost += addresses.filter { !wholes.1.contains($0) }
        if denies(original) != denies(restyled) { lost.append(denies(original) ? "a negation" : "+a negation") }
        let known = Set(numbers(original)).union(spokenNumbers(original))
        lost += digits.subtracting(known).sorted().map { "+\($0)" }
        lost += kept.filter { !wholes.0.contains($0) }.sorted().map { "+\($0)" }
        return unique(lost)
    }

    /// Digits with what joins them (12:30, 2024-05-01, 3.5), without thousands' commas.
    package static func numbers(_ text: String) -> [String] {
        unique(
            text.matches(of: /\d+(?:[.,:\/-]\d+)*/).map { match in
                let number = String(match.0)
                return number.wholeMatch(of: /\d{1,3}(?:,\d{3})+(?:\.\d+)?/) == nil ? number : number.replacing(",", with: "")
            })
    }

    /// "one" is left out: it seldom counts anything.
    private static let spoken: [String: String] = [
        "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11",
        "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
        "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
        "hundred": "100", "thousand": "1000", "million": "1000000",
    ]

    /// Numbers in words, as digits.
    private static func spokenNumbers(_ text: String) -> Set<String> {
        Set(words(text).flatMap { $0.lowercased().split(separator: "-") }.compactMap { spoken[String($0)] })
    }

    /// "may" and "march" are words like any other at the beginning of a sentence; in the middle they are found as names.
    private static let calendar: Set<String> = [
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "april", "june", "july", "august",
        "september", "october", "november", "december",
    ]

    private static func dates(_ text: String) -> [String] { unique(words(text).map { $0.lowercased() }.filter(calendar.contains)) }

    /// Words with a capital that the place in the sentence does not explain, and those with one further in (iPhone, NASA).
    package static func names(_ text: String) -> [String] {
        var names: [String] = []
        for sentence in RestylePiece.sentences(text) {
            for (index, word) in words(sentence.text).enumerated() {
                guard word.count > 1, let first = word.first, word.contains(where: \.isUppercase) else { continue }
                let isContraction = word.hasPrefix("I'") || word.hasPrefix("I’")
                if isContraction { continue }
                if index > 0 ? first.isUppercase || word.dropFirst().contains(where: \.isUppercase) : word.dropFirst().contains(where: \.isUppercase)
                {
                    names.append(word.replacing(/['’]s$/, with: ""))
                }
            }
        }
        return unique(names)
    }

    private static func quotations(_ text: String) -> [String] {
        unique(text.matches(of: /"([^"\n]{2,})"|“([^”\n]{2,})”/).compactMap { ($0.1 ?? $0.2).map(String.init) })
    }

    /// Addresses and code.
    private static func verbatim(_ text: String) -> [String] {
        unique(
            text.matches(of: /https?:\/\/[^\s<>()\[\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|`[^`\n]+`/).map {
                String($0.0).replacing(/[.,;:!?]+$/, with: "")
            })
    }

    private static func without(_ parts: [String], _ text: String) -> String { parts.reduce(text) { $0.replacing($1, with: " ") } }

    private static let denials: Set<String> = [
        "not", "no", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "cannot", "without", "ne'er", "nay", "naught",
    ]

    private static func denies(_ text: String) -> Bool {
        words(text).contains { word in
            let word = word.lowercased().replacing("’", with: "'")
            return denials.contains(word) || word.hasSuffix("n't")
        }
    }

    /// Letters, digits and what stands between them (don't, well-made).
    private static func words(_ text: String) -> [String] { text.matches(of: /[\p{L}\p{N}]+(?:['’.\-][\p{L}\p{N}]+)*/).map { String($0.0) } }

    private static func fold(_ text: String) -> String { text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ") }

    private static func unique(_ items: [String]) -> [String] {
        var seen: Set<String> = []
        return items.filter { seen.insert($0).inserted }
    }
}
