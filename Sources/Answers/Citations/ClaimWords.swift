import Foundation

/// The words of a sentence in their order, as two sentences are compared: in lower case, without articles and plural
/// endings; numbers, units and times of day in one spelling. Scripts without spaces come as single characters.
struct ClaimWords: Sendable {
    /// Numbers as `#5`.
    private(set) var keys: [String] = []
    /// Indexes of words right behind a comma, a colon or a dash.
    private(set) var pauses: Set<Int> = []

    init(_ text: String) {
        let scalars = Array((text.utf8.allSatisfy { $0 < 0x80 } ? text : text.precomposedStringWithCompatibilityMapping).unicodeScalars)
        var index = 0
        var currency: String?
        while index < scalars.count {
            let (scalar, start) = (scalars[index], index)
            if scalar.properties.numericType == .decimal {
                while index < scalars.count, Self.isInNumber(scalars, index) { index += 1 }
                keys.append("#" + Self.plain(Self.string(scalars[start..<index])))
                // "£5" is five pounds.
                if let unit = currency { keys.append(unit) }
                currency = nil
                continue
            }
            if let unit = currency { keys.append(unit) }
            currency = nil
            if Self.isUnspaced(scalar) {
                keys.append(String(scalar))
                index += 1
            } else if Self.isLetter(scalar) {
                while index < scalars.count, Self.isInWord(scalars, index) { index += 1 }
                append(word: Self.string(scalars[start..<index]))
            } else {
                if let unit = ClaimLanguage.currencies[scalar] {
                    currency = unit
                } else if let unit = ClaimLanguage.signs[scalar] {
                    keys.append(unit)
                } else if ClaimLanguage.pauses.contains(scalar) {
                    pauses.insert(keys.count)
                }
                index += 1
            }
        }
        if let unit = currency { keys.append(unit) }
    }

    /// Numbers and words that say something of their own. Two characters are about one word.
    var weight: Int {
        let characters = keys.count { $0.unicodeScalars.first.map(Self.isUnspaced) ?? false }
        return characters / 2 + keys.count { $0.hasPrefix("#") || $0.count > 3 && !ClaimLanguage.functionWords.contains($0) }
    }

    private mutating func append(word: String) {
        let raw = word.lowercased().replacingOccurrences(of: "’", with: "'")
        let folded = raw.utf8.allSatisfy { $0 < 0x80 } ? raw : raw.folding(options: .diacriticInsensitive, locale: nil)
        if let last = keys.last, last.hasPrefix("#"), !pauses.contains(keys.count) {
            if ["st", "nd", "rd", "th"].contains(raw) { return }
            if let time = Self.time(last.dropFirst(), raw) {
                keys[keys.count - 1] = "#" + time
                return
            }
            if let unit = ClaimLanguage.units[folded] { return keys.append(unit) }
        }
        if keys.last == "degree", folded == "c" || folded == "celsius" { return }
        if ClaimLanguage.articles.contains(folded) { return }
        if let number = ClaimLanguage.numbers[folded] { return keys.append("#" + number) }
        keys.append(Self.singular(folded))
    }

    /// 1,240 and 1.240 are 1240; 3,5 is 3.5; 007 is 7.
    private static func plain(_ number: String) -> String {
        if number.wholeMatch(of: /\d{1,3}([.,']\d{3})+/) != nil { return number.filter(\.isNumber) }
        let point = number.replacing(/[,']/, with: ".")
        guard !point.contains("."), !point.contains(":") else { return point }
        let digits = point.drop { $0 == "0" }
        return digits.isEmpty ? "0" : String(digits)
    }

    /// "6 pm" and "18 Uhr" as 18:00.
    private static func time(_ number: Substring, _ word: String) -> String? {
        let parts = number.split { ":.".contains($0) }
        guard ["am", "pm", "uhr"].contains(word), (1...2).contains(parts.count), var hour = Int(parts[0]), (0...24).contains(hour) else { return nil }
        if word == "pm", hour < 12 { hour += 12 }
        if word == "am", hour == 12 { hour = 0 }
        return "\(hour):\(parts.count > 1 ? String(parts[1]) : "00")"
    }

    private static func singular(_ word: String) -> String {
        guard word.count > 3, word.hasSuffix("s"), !word.hasSuffix("ss"), !word.hasSuffix("'s") else { return word }
        return word.hasSuffix("ies") ? word.dropLast(3) + "y" : String(word.dropLast())
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII ? (65...90).contains(scalar.value & ~32) : scalar.properties.isAlphabetic
    }

    private static func isInWord(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        let scalar = scalars[index]
        if scalar == "'" || scalar == "’" { return index + 1 < scalars.count && isLetter(scalars[index + 1]) }
        return scalar.properties.numericType == .decimal || isLetter(scalar) && !isUnspaced(scalar)
            || scalar.properties.generalCategory == .nonspacingMark
    }

    private static func isInNumber(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        if scalars[index].properties.numericType == .decimal { return true }
        return ".,:'".unicodeScalars.contains(scalars[index]) && index + 1 < scalars.count && scalars[index + 1].properties.numericType == .decimal
    }

    /// Scripts that set no spaces, or join endings to words: Han, Kana, Hangul, Thai, Lao, Khmer, Burmese.
    private static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0E01...0x0EDF, 0x1000...0x109F, 0x1780...0x17DD, 0x3040...0x30FF, 0x3400...0x9FFF, 0xAC00...0xD7A3, 0x20000...0x323AF:
            scalar.properties.isAlphabetic || scalar.properties.generalCategory == .nonspacingMark
        default: false
        }
    }
}
