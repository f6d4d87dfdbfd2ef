/// Tells the language of a text by its script and, for Latin letters, by how many of its words are among a language's commonest.
///
/// A rough test, made to show that a dataset is a mix: it looks at the text's first 64 bytes, knows seven languages of the Latin script, and
/// says `unknown` where two of them come out even or no common word is there. Of other scripts it tells those that one language dominates.
package enum LanguageGuess {
    static let bytesRead = 64

    /// - Returns: an index into ``names``. ``PaddedBytes/padding`` bytes behind the text must be readable.
    package static func guess(_ text: Bytes) -> Int {
        guard let p = text.baseAddress else { return none }
        let n = min(text.count, bytesRead)
        var i = 0
        while i + Lanes.width <= n, Lanes.notASCII(Lanes.load(p + i)) == 0 { i += Lanes.width }
        while i < n, p[i] < 0x80 { i += 1 }
        return i >= n ? ascii(p, n) : mixed(Bytes(start: p, count: n), isWhole: n == text.count)
    }

    /// A word at a time.
    private static func ascii(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int {
        let table = LanguageWords.table
        var hits = LanguageWords.noHits
        var hasLetters = false
        var i = 0
        while i < n {
            let block = Lanes.lowered(Lanes.load(p + i))
            let length = Lanes.first(Lanes.inverse(Lanes.within(block, 0x61, 0x7A)))
            if length == Lanes.width {
                // Longer than any word that is known, or just as long.
                let start = i
                while i < n, LanguageWords.letter(p[i]) != 0 { i += 1 }
                if i - start == Lanes.width { hits = hits &+ LanguageWords.hits(block, table) }
                hasLetters = true
            } else if length > 0 {
                if i + length <= n { hits = hits &+ LanguageWords.hits(Lanes.head(block, length), table) }
                hasLetters = true
                i += length
            }
            i += 1
        }
        return hasLetters ? LanguageWords.winner(hits) ?? unknown : none
    }

    private static func mixed(_ text: Bytes, isWhole: Bool) -> Int {
        let table = LanguageWords.table
        var hits = LanguageWords.noHits
        var word: UInt64 = 0
        var length = 0
        var letters = 0
        var other = 0
        for byte in text {
            let letter = LanguageWords.letter(byte)
            if letter != 0 {
                if length < Lanes.width { word |= UInt64(letter) << (8 * UInt64(length)) }
                length += 1
                letters += 1
            } else {
                if length > 0, length <= Lanes.width { hits = hits &+ LanguageWords.hits(word, table) }
                (word, length) = (0, 0)
                if byte > 0xC5 { other += 1 }
            }
        }
        if isWhole, length > 0, length <= Lanes.width { hits = hits &+ LanguageWords.hits(word, table) }
        if other * 2 > max(letters - other * 3, 0), other > 0 { return script(text) }
        return letters == 0 ? none : LanguageWords.winner(hits) ?? unknown
    }

    package static let names = LanguageWords.languages + ["zh", "ja", "ko", "cyrillic", "el", "arabic", "he", "devanagari", "th", "unknown", "none"]
    static let unknown = 16
    static let none = 17

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
