import Answers
import Foundation

/// What sentences say that can be looked for in a source: numbers, names, and the words that carry subject.
enum Claims {
    /// Sentences of an answer without its citation marks; list items and lines count as sentences.
    static func sentences(_ text: String) -> [String] { marked(text).map { $0.replacing(/\s*\[\d{1,2}\]/, with: "") } }

    /// The same with the marks; one behind the stop belongs to the sentence before it.
    static func marked(_ text: String) -> [String] {
        var sentences: [String] = []
        for line in text.split(whereSeparator: \.isNewline) {
            var sentence = ""
            let words = line.replacing(/^\s*([-*+#>]+|\d+[.)])\s+/, with: "").split(separator: " ")
            for (index, word) in words.enumerated() {
                sentence += (sentence.isEmpty ? "" : " ") + word
                let nextIsMark = index + 1 < words.count && words[index + 1].wholeMatch(of: /(\[\d{1,2}\])+[.,;]?/) != nil
                let bare = word.replacing(/(\[\d{1,2}\])+/, with: "")
                // "No." and the like end no sentence; a stop behind a mark, or before one that stands alone, does.
                let isStop = bare.last.map { ".!?".contains($0) && (bare.count > 2 || bare.count < word.count) } ?? false
                let followsStop = bare.isEmpty && sentence.dropLast(word.count).last { $0 != " " }.map { ".!?]".contains($0) } ?? false
                if isStop || followsStop, !nextIsMark {
                    sentences.append(sentence)
                    sentence = ""
                }
            }
            if !sentence.isEmpty { sentences.append(sentence) }
        }
        return sentences
    }

    /// Numbers as they are written, without separators of thousands, and capitalised words that do not begin
    /// the sentence; in lower case.
    static func facts(_ sentence: String) -> Set<String> {
        var facts: Set<String> = []
        for (index, word) in words(sentence).enumerated() {
            if word.contains(where: \.isNumber) {
                facts.insert(normal(word))
            } else if index > 0, word.first!.isUppercase, word.count > 1, !FunctionWords.english.contains(word.lowercased()) {
                facts.insert(normal(word))
            }
        }
        return facts
    }

    /// Words of four letters or more that are not function words, and everything with a digit; in lower case,
    /// without a plural's ending.
    static func content(_ text: String) -> Set<String> {
        Set(words(text).map(normal).filter { ($0.count >= 4 && !functionWords.contains($0)) || $0.contains(where: \.isNumber) }.map(stem))
    }

    /// A text's facts as a source holds them: every word, in the same spelling.
    static func held(_ text: String) -> Set<String> { Set(words(text).map(normal)) }

    /// A text for finding a phrase in it: lower case, words and numbers only.
    static func phrase(_ text: String) -> String { " " + words(text).map(normal).joined(separator: " ") + " " }

    private static let functionWords = Set(FunctionWords.english)

    private static func words(_ text: String) -> [Substring] {
        text.split { !($0.isLetter || $0.isNumber || "'’.,:".contains($0)) }
            .map { $0.drop { !($0.isLetter || $0.isNumber) } }
            .map { word in word.lastIndex { $0.isLetter || $0.isNumber }.map { word[...$0] } ?? "" }
            .filter { !$0.isEmpty }
    }

    private static func normal(_ word: Substring) -> String {
        let lower = word.lowercased().replacingOccurrences(of: "’", with: "'")
        return lower.contains(where: \.isNumber) ? lower.replacingOccurrences(of: ",", with: "") : lower
    }

    private static func stem(_ word: String) -> String {
        word.count > 4 && word.hasSuffix("s") && !word.hasSuffix("ss") ? String(word.dropLast()) : word
    }
}
