import Answers
import Foundation

/// Where texts become points, one space a feature. Fitted once, on the user's training replies and other
/// authors' texts; what is scored later has no part in it.
///
/// All but the lengths are rates, whose expectation does not depend on how long a text is: a long answer
/// is not unlike the user for being long, except in the feature that says so.
struct StyleSpace: Sendable {
    /// A text's point and how much it counts in a mean: its words, or 1 for the lengths.
    struct Point: Sendable {
        var values: [Float]
        var weight: Double
    }

    private static let marks = Array(".,;:!?'\"-–—…()/*#")
    /// Most n-grams looked at: the commonest. Rarer ones add more noise than they tell.
    private static let ngramCount = 500
    private static let frequentWords = 60
    /// So that one endless text is not the whole mean.
    private static let weightAtMost = 60.0

    private let words: [String: Int]
    private let ngrams: [String: Int]
    private var scale: [StyleFeature: [Float]] = [:]

    /// - Parameter texts: the training replies and the other authors' texts.
    init(fitting texts: [StyleTokens], own: [StyleTokens]) {
        // Another language's function words are its commonest words, as in Burrows's own procedure.
        let list = FunctionWords.share(own) >= 0.25 ? FunctionWords.english : Self.commonest(own.flatMap(\.words), Self.frequentWords)
        words = Dictionary(uniqueKeysWithValues: Set(list).sorted().enumerated().map { ($1, $0) })
        ngrams = Dictionary(
            uniqueKeysWithValues: Self.commonest(texts.flatMap { Self.ngrams($0.characters) }, Self.ngramCount).enumerated().map { ($1, $0) })
        for feature in StyleFeature.allCases { scale[feature] = scales(feature, texts) }
    }

    /// Nil where the text has no word.
    func point(_ text: StyleTokens, _ feature: StyleFeature) -> Point? {
        guard !text.words.isEmpty else { return nil }
        let raw = raw(text, feature)
        return Point(
            values: zip(raw, scale[feature]!).map { $0 * $1 },
            weight: feature == .length ? 1 : min(Double(text.words.count), Self.weightAtMost))
    }

    private func raw(_ text: StyleTokens, _ feature: StyleFeature) -> [Float] {
        switch feature {
        case .functionWords:
            var rates = [Float](repeating: 0, count: words.count)
            for word in text.words { if let index = words[word] { rates[index] += 1 } }
            return rates.map { $0 / Float(text.words.count) }
        case .ngrams:
            var rates = [Float](repeating: 0, count: ngrams.count)
            let found = Self.ngrams(text.characters)
            for gram in found { if let index = ngrams[gram] { rates[index] += 1 } }
            return rates.map { $0 / Float(max(1, found.count)) }
        case .punctuation:
            var rates = [Float](repeating: 0, count: Self.marks.count + 3)
            for character in text.text {
                if let index = Self.marks.firstIndex(of: character) {
                    rates[index] += 1
                } else if character.isUppercase {
                    rates[Self.marks.count] += 1
                } else if character.isNumber {
                    rates[Self.marks.count + 1] += 1
                } else if character.isNewline {
                    rates[Self.marks.count + 2] += 1
                }
            }
            return rates.map { $0 / Float(max(1, text.text.count)) }
        case .length:
            let sentences = max(1, text.sentences.count)
            let letters = text.words.reduce(0) { $0 + $1.count }
            return [
                log(Float(text.words.count)), log(Float(sentences)), log(Float(text.words.count) / Float(sentences)),
                Float(letters) / Float(text.words.count),
            ]
        }
    }

    /// 1 over the standard deviation between texts; for n-grams 1 over the root of the mean rate.
    private func scales(_ feature: StyleFeature, _ texts: [StyleTokens]) -> [Float] {
        let rows = texts.filter { !$0.words.isEmpty }.map { raw($0, feature) }
        guard let first = rows.first else { return [] }
        let count = Float(rows.count)
        return first.indices.map { column in
            let mean = rows.reduce(0) { $0 + $1[column] } / count
            if feature == .ngrams { return mean > 0 ? 1 / mean.squareRoot() : 0 }
            let variance = rows.reduce(0) { $0 + ($1[column] - mean) * ($1[column] - mean) } / count
            return variance > 0 ? 1 / variance.squareRoot() : 0
        }
    }

    private static func ngrams(_ characters: [Character]) -> [String] {
        var result: [String] = []
        for size in [3, 4] where characters.count >= size {
            for start in 0...(characters.count - size) { result.append(String(characters[start..<start + size])) }
        }
        return result
    }

    private static func commonest(_ items: [String], _ count: Int) -> [String] {
        let counts = items.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
        return counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(count).map(\.key)
    }
}
