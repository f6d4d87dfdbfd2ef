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
        /// Words within three of it, on both sides.
        var near: Set<String>

        /// Whether both count or name the same.
        func agrees(with other: Number) -> Bool {
            guard value == other.value else { return false }
            if let unit, let others = other.unit, unit != others { return false }
            if !after.isEmpty, !other.after.isEmpty, after.contains(where: other.after.contains) { return true }
            if before != nil, before == other.before { return true }
            if !after.isEmpty, !other.after.isEmpty { return false }
            return near.isEmpty || !near.isDisjoint(with: other.near)
        }
    }

    var words: Set<String> = []
    /// Words with a capital that neither the place in the sentence nor German explains; among ``words`` too.
    var names: Set<String> = []
    var numbers: [Number] = []
    var years: Set<String> = []
    var denies = false
    /// "before", "at least" and the like, each as one side of a pair of opposites.
    var directions: Set<Int> = []

    init(_ text: String) {
        let tokens = Self.tokens(text)
        let isGerman = tokens.contains { Language.german.contains($0.raw) }
        var hasBegun = false
        for (index, token) in tokens.enumerated() {
            switch token.kind {
            case .word:
                words.insert(token.key)
                if token.isCapitalised, hasBegun, !isGerman { names.insert(token.key) }
            case .number: numbers.append(Self.number(tokens, at: index))
            case .year: years.insert(token.key)
            case .small: break
            case .pause: continue
            }
            hasBegun = true
            if Language.denials.contains(token.raw) || token.raw.hasPrefix("kein") || token.raw.hasSuffix("n't") { denies = true }
            if token.isPair, token.key.unicodeScalars.contains(where: Language.pairDenials.contains) { denies = true }
            if let direction = Language.directions[token.raw] { directions.insert(direction) }
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

    /// Of two sentences in a row.
    func joined(with next: ClaimTerms) -> ClaimTerms {
        var both = self
        both.words.formUnion(next.words)
        both.names.formUnion(next.names)
        both.numbers += next.numbers
        both.years.formUnion(next.years)
        both.denies = denies || next.denies
        both.directions.formUnion(next.directions)
        return both
    }

    private static func number(_ tokens: [Token], at index: Int) -> Number {
        var number = Number(value: tokens[index].key, after: [], near: [])
        if index > 0, tokens[index - 1].kind == .word { number.before = tokens[index - 1].key }
        var rest = tokens[(index + 1)...]
        if let next = rest.first, next.kind == .word, Units.all.contains(next.key) {
            number.unit = next.key
            rest = rest.dropFirst()
        }
        for token in rest.drop(while: { $0.kind == .small && Language.links.contains($0.raw) }).prefix(2) {
            guard token.kind == .word else { break }
            number.after.append(token.key)
        }
        for side in [Array(tokens[..<index].reversed()), Array(tokens[(index + 1)...])] {
            var count = 0
            for token in side {
                guard count < 3, token.kind != .number, token.kind != .pause else { break }
                guard token.kind == .word else { continue }
                number.near.insert(token.key)
                count += 1
            }
        }
        return number
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
                if let unit = Units.signs[scalar] {
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
        if let last = tokens.last, Units.currencies.contains(last.raw), last.raw == last.key, last.kind == .word { currency = tokens.popLast() }
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
            if let unit = Units.names[folded] {
                if last.kind == .year { tokens[tokens.count - 1].kind = .number }
                tokens.append(Token(kind: .word, key: unit, raw: raw))
                return
            }
        }
        if let value = Language.numbers[folded] {
            tokens.append(Token(kind: .number, key: value, raw: raw))
            return
        }
        let isSmall = raw.count < 2 || Language.small.contains(folded)
        tokens.append(
            Token(
                kind: isSmall ? .small : .word, key: stem(folded), raw: raw,
                isCapitalised: word.first?.isUppercase ?? false))
    }

    private static func append(pairs scalars: ArraySlice<Unicode.Scalar>, _ tokens: inout [Token]) {
        for part in scalars.split(whereSeparator: Language.pairSmall.contains) {
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
            if token.kind == .number, let last = result.last, Language.steps.contains(last.raw) { result.removeLast() } else { result.append(token) }
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
        for endings in [["s"], ["ing", "ed", "en", "em", "er", "es"], ["e", "a", "o", "n", "y", "i"]] {
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

// MARK: - Languages

/// Words that count for their grammar.
private enum Language {
    private static func list(_ text: String) -> Set<String> { Set(text.split(whereSeparator: \.isWhitespace).map(String.init)) }

    /// Says nothing of the subject; without accents.
    static let small = Set(FunctionWords.english).union(
        list(
            """
            please per get gets got go goes come comes take takes want wants let onto upon
            der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren wird werden wurde wurden hat haben hatte
            sein seine ihre ihr im in am an auf aus bei bis fur mit nach von vom vor zu zum zur uber unter durch um als wie auch nur noch schon
            sich es er sie wir man dass wenn weil da dort hier nicht kein kann konnen muss mussen soll darf durfen sehr mehr gibt
            el la los las un una unos unas y o u e de del al en con por para sin sobre entre hasta desde que se su sus lo le les es son era
            fue fueron ser esta estan hay como mas pero muy ya no si puede pueden debe deben tambien este esta estos estas
            le la les l un une des du de d et ou mais est sont etait a au aux en dans par pour sur sous avec sans que qui se sa son ses ce
            cette ces il elle ils elles on ne pas plus peut peuvent doit doivent aussi y
            celsius s t
            """))
    /// Between a unit and what it measures.
    static let links = list("of per a an de du des d von der pro por par")
    static let german = list("der die das den dem des und ist sind im am zum zur ein eine einen einer nicht wird werden für auf mit von")
    static let denials = list(
        """
        not no never none neither nor nobody nothing without cannot nicht nie niemals ohne weder niemand nunca jamás sin ni nadie ningún
        ninguna ninguno pas jamais sans aucun aucune rien
        """)
    static let pairDenials = Set("不没沒无無未".unicodeScalars)
    static let pairSmall = Set("的了和与及也而之はがをにのでと".unicodeScalars)
    static let steps = list("step schritt paso étape etape passo stap 步骤")

    /// Opposites that are small words in most lists, and turn a sentence round.
    static let directions: [String: Int] = {
        var directions: [String: Int] = [:]
        for (index, pair) in [
            ("before vor antes avant", "after nach después despues après"), ("from since ab seit desde depuis", "until till bis hasta jusqu"),
            ("above over über más plus", "below under unter menos moins"), ("more", "less fewer weniger"),
            ("most maximum höchstens máximo maximal maximum", "least minimum mindestens mínimo minimal"),
            ("with mit con avec", "without ohne sin sans"), ("inside", "outside"), ("up", "down"),
            ("first erste primero premier", "last letzte último dernier"),
        ].enumerated() {
            for word in list(pair.0) { directions[word] = index + 1 }
            for word in list(pair.1) { directions[word] = -index - 1 }
        }
        return directions
    }()

    /// Without "one" and its like, which seldom count anything, and words that mean something else in a neighbour's language.
    static let numbers: [String: String] = {
        var numbers: [String: String] = [:]
        for line in """
        2 two zwei dos deux|3 three drei tres trois|4 four vier cuatro quatre|5 five funf cinco cinq|6 six sechs seis|7 seven sieben siete
        8 eight acht ocho huit|9 nine neun nueve neuf|10 ten zehn diez dix|11 eleven onze|12 twelve zwolf doce douze dozen dutzend docena
        13 thirteen dreizehn trece treize|14 fourteen vierzehn catorce quatorze|15 fifteen funfzehn quince quinze|16 sixteen sechzehn seize
        17 seventeen siebzehn|18 eighteen achtzehn|19 nineteen neunzehn|20 twenty zwanzig veinte vingt|30 thirty dreissig treinta trente
        40 forty vierzig cuarenta quarante|50 fifty funfzig cincuenta cinquante|60 sixty sechzig sesenta soixante|70 seventy siebzig setenta
        80 eighty achtzig ochenta|90 ninety neunzig noventa|100 hundred hundert cien cent|1000 thousand tausend mil mille
        """.split(whereSeparator: { $0 == "|" || $0.isNewline }) {
            let words = line.split(separator: " ").map(String.init)
            for word in words.dropFirst() { numbers[word] = words[0] }
        }
        return numbers
    }()
}

/// What stands behind numbers, in one spelling.
private enum Units {
    /// By the name without accents.
    static let names: [String: String] = {
        var names: [String: String] = [:]
        for line in """
        kg kilo kilos kilogram kilograms kilogramm kilogramo kilogramos kilogramme kilogrammes|g gram grams gramm gramo gramos gramme grammes
        km kilometer kilometers kilometre kilometres kilometern kilometro kilometros|m meter meters metre metres metern metro metros
        cm centimeter centimeters centimetre centimetres zentimeter centimetro centimetros|mm millimeter millimeters millimetre millimetres
        l liter liters litre litres litern litro litros|h hr hrs hour hours stunde stunden hora horas heure heures
        min mins minute minutes minuten minuto minutos|sec second seconds sekunde sekunden segundo segundos seconde secondes
        percent prozent pct|degree degrees grad grado grados degre degres|pound pounds pfund gbp|dollar dollars usd dolar dolares
        euro euros eur|lb lbs|ft foot feet|inch inches|mile miles|day days tag tage tagen dia dias jour jours
        week weeks woche wochen semana semanas semaine semaines|month months monat monate monaten mes meses mois
        year years jahr jahre jahren ano anos an ans annee annees
        """.split(whereSeparator: { $0 == "|" || $0.isNewline }) {
            let words = line.split(separator: " ").map(String.init)
            for word in words { names[word] = words[0] }
        }
        return names
    }()
    static let signs: [Unicode.Scalar: String] = ["%": "percent", "°": "degree", "£": "pound", "$": "dollar", "€": "euro", "¥": "yen"]
    static let currencies: Set<String> = ["pound", "dollar", "euro", "yen"]
    static let all = Set(names.values).union(signs.values)
}
