import Foundation

/// What a sentence says that can be looked for in a passage: words without their endings, numbers with the words
/// beside them, and whether it denies anything.
///
/// Words are cut as in English, German, Spanish and French; scripts without spaces come as pairs of characters.
/// List numbers ("2.", "Step 3") are left out, and years are kept apart: many sentences share one by chance.
struct ClaimTerms: Sendable {
    /// A number, and what it counts or names.
    struct Number: Sendable, Hashable {
        var value: String
        /// The word right before it: "pier" in "pier 3".
        var before: String?
        /// The unit right behind it.
        var unit: String?
        /// Up to two words right behind it or its unit: "large", "dog" in "3 large dogs", "flour" in "3 kg of flour".
        var after: [String]
        /// Up to three words before it, the nearest first, and up to three behind it.
        var left: [String] = []
        var right: [String] = []

        /// Whether it is part of a name, as in "pier 3".
        var isLabel: Bool { before != nil && unit == nil && after.isEmpty }

        /// Whether both count or name the same.
        func agrees(with other: Number) -> Bool {
            guard value == other.value else { return false }
            if let unit, let others = other.unit, unit != others { return false }
            // Three weeks are not three books.
            if unit == nil, other.unit != nil, !after.isEmpty { return false }
            if unit != nil, other.unit == nil, !other.after.isEmpty { return false }
            if !after.isEmpty, !other.after.isEmpty, after.contains(where: other.after.contains) { return true }
            if before != nil, before == other.before { return true }
            if !after.isEmpty, !other.after.isEmpty { return false }
            // "Leaves at 20:48 and arrives at 6:31": what stands nearest before it decides, where something does.
            if let mine = left.first, let others = other.left.first { return other.left.contains(mine) || left.contains(others) }
            let near = left + right
            return near.isEmpty || near.contains { other.left.contains($0) || other.right.contains($0) }
        }
    }

    var words: Set<String> = []
    /// Words with a capital that neither the place in the sentence nor German explains; among ``words`` too.
    var names: Set<String> = []
    var numbers: [Number] = []
    var years: Set<String> = []
    /// The first word that counts: mostly what the sentence is about. Nil in scripts without spaces.
    var subject: String?
    /// Days, metres and the like, wherever they stand.
    var measures: Set<String> = []
    /// Words with a capital in their order, the first of the sentence among them.
    var capitals: [String] = []
    /// It says "it" or "there", or begins with "its": of what it speaks may stand in the sentence beside it.
    var hasPronoun = false
    /// Whether it may be in the passive, which turns subject and object round.
    var isPassive = false
    /// "is", "can": it says something by itself, however short.
    var hasVerb = false
    var denies = false
    /// "before", "at least" and the like, each as one side of a pair of opposites.
    var directions: Set<Int> = []

    init(_ text: String) {
        let tokens = Self.tokens(text)
        let isGerman = tokens.contains { ClaimLanguage.german.contains($0.raw) }
        var hasBegun = false
        for (index, token) in tokens.enumerated() {
            switch token.kind {
            case .word:
                words.insert(token.key)
                if words.count == 1, numbers.isEmpty, !token.isPair { subject = token.key }
                if token.isCapitalised, !isGerman, !capitals.contains(token.key) { capitals.append(token.key) }
                if ClaimUnits.all.contains(token.key) || token.raw.count > 2 && ClaimUnits.names[token.raw] != nil { measures.insert(token.key) }
                if token.isCapitalised, hasBegun, !isGerman { names.insert(token.key) }
            case .number: numbers.append(Self.number(tokens, at: index))
            case .year: years.insert(token.key)
            case .small:
                // Not "Nehmen Sie", which is "you".
                let isFormal = hasBegun && token.isCapitalised
                if !isFormal, ClaimLanguage.pronouns.contains(token.raw) || !hasBegun && ClaimLanguage.possessives.contains(token.raw) {
                    hasPronoun = true
                }
            case .pause: continue
            }
            hasBegun = true
            if ClaimLanguage.verbs.contains(token.raw) { hasVerb = true }
            if ClaimLanguage.agents.contains(token.raw) { isPassive = true }
            if ClaimLanguage.denials.contains(token.raw) || token.raw.hasPrefix("kein") || token.raw.hasSuffix("n't") { denies = true }
            if token.isPair, token.key.unicodeScalars.contains(where: ClaimLanguage.pairDenials.contains) { denies = true }
            if let direction = ClaimLanguage.directions[token.raw] { directions.insert(direction) }
        }
    }

    /// Everything that counts, numbers as `#5`.
    var keys: Set<String> { words.union(numbers.map { "#" + $0.value }) }

    /// In words and numbers; two pairs of characters are about one word.
    var length: Int {
        let pairs = words.count { $0.unicodeScalars.first.map(Self.isUnspaced) ?? false }
        return words.count - pairs + pairs / 2 + numbers.count
    }

    /// Whether one says "before" where the other says "after".
    func opposes(_ other: ClaimTerms) -> Bool {
        directions.contains { !other.directions.contains($0) && other.directions.contains(-$0) }
    }

    /// As such, or as the number that 2,000 is.
    func holds(year: String) -> Bool { years.contains(year) || numbers.contains { $0.value == year } }

    /// Whether one has two names the other way round: "Ben taught Anna" and "Anna taught Ben".
    func swaps(_ other: ClaimTerms) -> Bool {
        guard capitals.count > 1, isPassive == other.isPassive else { return false }
        let places = capitals.compactMap { other.capitals.firstIndex(of: $0) }
        return places != places.sorted()
    }

    /// Of two sentences in a row.
    func joined(with next: ClaimTerms) -> ClaimTerms {
        var both = self
        both.words.formUnion(next.words)
        both.names.formUnion(next.names)
        both.numbers += next.numbers
        both.years.formUnion(next.years)
        both.measures.formUnion(next.measures)
        both.capitals += next.capitals
        both.isPassive = isPassive || next.isPassive
        both.denies = denies || next.denies
        both.directions.formUnion(next.directions)
        return both
    }

    private static func number(_ tokens: [Token], at index: Int) -> Number {
        var number = Number(value: tokens[index].key, after: [])
        if index > 0, tokens[index - 1].kind == .word { number.before = tokens[index - 1].key }
        var rest = tokens[(index + 1)...]
        if let next = rest.first, next.kind == .word, ClaimUnits.all.contains(next.key) {
            number.unit = next.key
            rest = rest.dropFirst()
        }
        for token in rest.drop(while: { $0.kind == .small && ClaimLanguage.links.contains($0.raw) }).prefix(2) {
            guard token.kind == .word else { break }
            number.after.append(token.key)
        }
        number.left = words(tokens[..<index].reversed().prefix { $0.kind != .pause })
        number.right = words(tokens[(index + 1)...].prefix { $0.kind != .pause && $0.kind != .number })
        return number
    }

    private static func words(_ tokens: some Collection<Token>) -> [String] {
        Array(tokens.filter { $0.kind == .word }.map(\.key).prefix(3))
    }
}

// MARK: - Cutting

extension ClaimTerms {
    private struct Token {
        enum Kind { case word, number, year, small, pause }

        var kind: Kind
        /// Without ending; of a number its plain form.
        var key: String
        /// As it was, in lower case.
        var raw: String
        var isCapitalised = false
        /// Two characters of a script without spaces.
        var isPair = false
    }

    private static func tokens(_ text: String) -> [Token] {
        var tokens: [Token] = []
        let scalars = Array((text.utf8.allSatisfy { $0 < 0x80 } ? text : text.precomposedStringWithCompatibilityMapping).unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            let start = index
            if scalar.properties.numericType == .decimal {
                while index < scalars.count, isInNumber(scalars, index) { index += 1 }
                append(number: string(scalars[start..<index]), &tokens)
            } else if isUnspaced(scalar) {
                while index < scalars.count, isUnspaced(scalars[index]) { index += 1 }
                append(pairs: scalars[start..<index], &tokens)
            } else if isLetter(scalar) {
                while index < scalars.count, isInWord(scalars, index) { index += 1 }
                append(word: string(scalars[start..<index]), &tokens)
            } else {
                if let unit = ClaimUnits.signs[scalar] {
                    // "£5" is five pounds.
                    tokens.append(Token(kind: .word, key: unit, raw: unit))
                } else if ",;:.!?()[]{}|\"“”«»—–、，；：。".unicodeScalars.contains(scalar), tokens.last?.kind != .pause {
                    tokens.append(Token(kind: .pause, key: "", raw: ""))
                }
                index += 1
            }
        }
        return settled(tokens)
    }

    private static func append(number text: String, _ tokens: inout [Token]) {
        // A sign of currency goes behind its number.
        var currency: Token?
        if let last = tokens.last, ClaimUnits.currencies.contains(last.raw), last.raw == last.key, last.kind == .word { currency = tokens.popLast() }
        let isPlain = text.allSatisfy(\.isNumber)
        let isYear = isPlain && text.count == 4 && (1500...2099).contains(Int(text) ?? 0) && currency == nil
        tokens.append(Token(kind: isYear ? .year : .number, key: plain(text), raw: text))
        if let currency { tokens.append(currency) }
    }

    private static func append(word: String, _ tokens: inout [Token]) {
        let raw = word.lowercased().replacingOccurrences(of: "’", with: "'")
        let folded = raw.utf8.allSatisfy { $0 < 0x80 } ? raw : raw.folding(options: .diacriticInsensitive, locale: nil)
        if let last = tokens.last, last.kind == .number || last.kind == .year {
            if ["st", "nd", "rd", "th"].contains(raw) { return }
            if let time = hour(last.raw, raw) {
                tokens[tokens.count - 1] = Token(kind: .number, key: time, raw: last.raw)
                return
            }
            if let unit = ClaimUnits.names[folded] {
                if last.kind == .year { tokens[tokens.count - 1].kind = .number }
                tokens.append(Token(kind: .word, key: unit, raw: raw))
                return
            }
        }
        if let value = ClaimLanguage.numbers[folded] {
            tokens.append(Token(kind: .number, key: value, raw: raw))
            return
        }
        // The month is no verb.
        let isMay = word == "May" && !tokens.isEmpty
        let isSmall = raw.count < 2 || ClaimLanguage.small.contains(folded) && !isMay
        tokens.append(
            Token(
                kind: isSmall ? .small : .word, key: stem(folded), raw: raw,
                isCapitalised: word.first?.isUppercase ?? false))
    }

    private static func append(pairs scalars: ArraySlice<Unicode.Scalar>, _ tokens: inout [Token]) {
        for part in scalars.split(whereSeparator: ClaimLanguage.pairSmall.contains) {
            let part = Array(part)
            if part.count == 1 { tokens.append(Token(kind: .word, key: string(part[...]), raw: string(part[...]), isPair: true)) }
            for index in part.indices.dropLast() {
                let pair = string(part[index...index + 1])
                tokens.append(Token(kind: .word, key: pair, raw: pair, isPair: true))
            }
        }
    }

    /// Without numbers of lists and steps, which count nothing.
    private static func settled(_ tokens: [Token]) -> [Token] {
        var tokens = tokens
        if tokens.count > 1, tokens[0].kind == .number, tokens[1].kind == .pause, tokens[0].raw.count <= 2 { tokens.removeFirst(2) }
        var result: [Token] = []
        for token in tokens {
            if token.kind == .number, let last = result.last, ClaimLanguage.steps.contains(last.raw) {
                result.removeLast()
            } else {
                result.append(token)
            }
        }
        return result
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
    private static func hour(_ number: String, _ word: String) -> String? {
        let parts = number.split { ":.".contains($0) }
        guard ["am", "pm", "uhr"].contains(word), (1...2).contains(parts.count), var hour = Int(parts[0]), (0...24).contains(hour) else { return nil }
        if word == "pm", hour < 12 { hour += 12 }
        if word == "am", hour == 12 { hour = 0 }
        return "\(hour):\(parts.count > 1 ? String(parts[1]) : "00")"
    }

    /// Without the endings that the four languages inflect with. It need not be a word; both sides are cut alike.
    private static func stem(_ word: String) -> String {
        guard word.count > 3, !word.contains(where: \.isNumber) else { return word }
        var stem = word.hasSuffix("'s") ? String(word.dropLast(2)) : word
        if stem.hasSuffix("ies") { stem = stem.dropLast(3) + "y" }
        for endings in [["s"], ["ing", "ern", "ed", "en", "em", "er", "es"], ["e", "a", "o", "n", "y", "i"]] {
            if let ending = endings.first(where: stem.hasSuffix), stem.count - ending.count >= 3, !stem.hasSuffix("ss") {
                stem.removeLast(ending.count)
            }
        }
        if stem.count > 3, let last = stem.last, stem.dropLast().last == last { stem.removeLast() }
        return stem
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
