/// Makes a full-text expression of what a person typed.
enum LexicalQuery {
    /// BM25 weights of a word in title and headings against one in the text.
    static let titleWeight = 2.0
    static let headingsWeight = 1.5
    /// Most distinct words asked for: a pasted page must not become a query of ten thousand terms.
    private static let maxTerms = 64

    /// Quoted words joined by OR, so that nothing in the text is read as an operator; nil when it holds
    /// no word.
    static func expression(_ text: String) -> String? {
        let words = words(text)
        let telling = words.filter { !StopWords.english.contains($0) }
        // "to be or not to be" is a question too.
        let terms = telling.isEmpty ? words : telling
        guard !terms.isEmpty else { return nil }
        return terms.prefix(maxTerms).map { "\"\($0)\"" }.joined(separator: " OR ")
    }

    /// Distinct lower-case words in order, cut where FTS5's unicode61 cuts: at everything that is not a
    /// letter, a number, a mark or of private use.
    static func words(_ text: String) -> [String] {
        var words: [String] = []
        var seen: Set<String> = []
        var word = String.UnicodeScalarView()
        func finish() {
            guard !word.isEmpty else { return }
            let lower = String(word).lowercased()
            if seen.insert(lower).inserted { words.append(lower) }
            word = String.UnicodeScalarView()
        }
        for scalar in text.unicodeScalars {
            if isTokenCharacter(scalar) { word.append(scalar) } else { finish() }
        }
        finish()
        return words
    }

    private static func isTokenCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber, .letterNumber,
            .otherNumber, .nonspacingMark, .spacingMark, .enclosingMark, .privateUse:
            true
        default:
            false
        }
    }
}
