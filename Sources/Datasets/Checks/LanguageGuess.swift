/// Tells the language of a text by its script and, for Latin letters, by how many of its words are among a language's commonest.
///
/// A rough test, made to show that a dataset is a mix: it looks at the text's first 128 bytes, knows seven languages of the Latin script, and
/// says `unknown` where two of them come out even or no common word is there. Of other scripts it tells those that one language dominates.
enum LanguageGuess {
    static let bytesRead = 128

    /// - Returns: an index into ``names``.
    static func guess(_ text: Bytes) -> Int {
        guard let p = text.baseAddress else { return none }
        let n = min(text.count, bytesRead)
        var hits = StopWords.noHits
        var word: UInt64 = 0
        var letters = 0
        var other = 0
        for i in 0..<n {
            let byte = p[i]
            let lower = byte | 0x20
            if lower &- 0x61 < 26 || byte >= 0xC3 && byte <= 0xC5 || byte >= 0x80 && byte < 0xC0 {
                // Of more than eight bytes the last ones count; that they spell a common word is rare.
                word = word << 8 | UInt64(byte < 0x80 ? lower : byte)
                letters += 1
            } else {
                if word != 0 {
                    hits = hits &+ StopWords.hits(word)
                    word = 0
                }
                if byte > 0xC5 { other += 1 }
            }
        }
        if word != 0, n == text.count { hits = hits &+ StopWords.hits(word) }
        if other * 2 > max(letters - other * 3, 0), other > 0 { return script(Bytes(rebasing: text[0..<n])) }
        return letters == 0 ? none : StopWords.winner(hits) ?? unknown
    }

    static let names = StopWords.languages + ["zh", "ja", "ko", "cyrillic", "el", "arabic", "he", "devanagari", "th", "unknown", "none"]
    static let unknown = names.count - 2
    static let none = names.count - 1

    private static func script(_ text: Bytes) -> Int {
        var counts = [Int](repeating: 0, count: names.count)
        for scalar in text.text.unicodeScalars {
            let name: String
            switch scalar.value {
            case 0x370...0x3FF: name = "el"
            case 0x400...0x52F: name = "cyrillic"
            case 0x590...0x5FF: name = "he"
            case 0x600...0x6FF, 0x750...0x77F: name = "arabic"
            case 0x900...0x97F: name = "devanagari"
            case 0xE00...0xE7F: name = "th"
            case 0x3040...0x30FF: name = "ja"
            case 0x4E00...0x9FFF, 0x3400...0x4DBF: name = "zh"
            case 0xAC00...0xD7AF, 0x1100...0x11FF: name = "ko"
            default: continue
            }
            counts[names.firstIndex(of: name)!] += 1
        }
        // Japanese writes Chinese characters too; kana tell it.
        let ja = names.firstIndex(of: "ja")!
        if counts[ja] > 0 { counts[ja] += counts[names.firstIndex(of: "zh")!] }
        let best = counts.indices.max { counts[$0] < counts[$1] }!
        return counts[best] > 0 ? best : unknown
    }
}
