import Answers

extension FunctionWords {
    private static let set = Set(english)

    /// Share of a text's words that are among them; about a half in English prose.
    static func share(_ texts: [StyleTokens]) -> Double {
        let words = texts.reduce(0) { $0 + $1.words.count }
        guard words > 0 else { return 0 }
        return Double(texts.reduce(0) { $0 + $1.words.count { set.contains($0) } }) / Double(words)
    }
}
