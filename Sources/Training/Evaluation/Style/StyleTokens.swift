import Foundation

/// A text as the style features see it.
struct StyleTokens: Sendable {
    /// In lower case; an apostrophe inside a word belongs to it.
    var words: [String]
    /// Words of each sentence.
    var sentences: [Int]
    /// Lower case, white space as single blanks, one at each end.
    var characters: [Character]
    /// As it was, without marks of citations.
    var text: String

    init(_ raw: String) {
        // `[1]` is put there for the passages' sake and says nothing of who writes.
        text = raw.replacing(/\s*\[\d{1,2}\]/, with: "").replacingOccurrences(of: "’", with: "'")
        let lower = text.lowercased()
        characters = Array(" " + lower.split(whereSeparator: \.isWhitespace).joined(separator: " ") + " ")
        words = Self.words(lower)
        sentences = text.split { ".!?…".contains($0) || $0.isNewline }.map { Self.words(String($0)).count }.filter { $0 > 0 }
    }

    private static func words(_ text: String) -> [String] {
        text.split { !($0.isLetter || $0.isNumber || $0 == "'") }.map { $0.trimmingCharacters(in: ["'"]) }.filter { !$0.isEmpty }
    }
}
