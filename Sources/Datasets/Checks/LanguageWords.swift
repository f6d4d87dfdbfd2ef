/// The commonest words of seven languages, of at most eight bytes of UTF-8, as little-endian integers in a small hash table.
enum LanguageWords {
    static let languages = ["en", "de", "fr", "es", "it", "pt", "nl"]
    /// A counter of eight bits for each language; texts of 64 bytes have at most 32 words.
    typealias Hits = UInt64
    static let noHits: Hits = 0

    private static let words = [
        "the and to of a in is it you that he was for on are with as his they at be this have from or had by but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more go see no way could my than been who its now find down did get come made may part i me thou thy shall",
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei ich du wir ihr mir mich dir dich kein wenn was hier da ja",
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son ou ses mais aux cette nous vous je tu elle on leur sa si être fait même tout comme lui y où très bien mon ma mes c'est",
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue era muy años hasta desde está mi porque qué sólo yo hay",
        "di e il la che in un a per è una del con non le si da dei i al come più alla nel della gli ma lo anche sono dal ha delle o se questo ci su nella mi era loro io tu lei lui noi cosa perché molto tutto essere ho",
        "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou quando muito nos já eu também só pelo pela até isso ela entre era depois sem mesmo aos seus quem me esse eles você foi são está",
        "de en van het een in is dat op te zijn met voor die niet aan er om ook als dan maar bij nog uit door naar heeft hebben ik je we ze wordt werd over tot deze dit wat geen kan zou worden hij zij was al hun meer mijn jij wel",
    ]

    private static let size = 2048
    nonisolated(unsafe) static let table: UnsafeMutablePointer<(word: UInt64, hits: Hits)> = {
        let table = UnsafeMutablePointer<(word: UInt64, hits: Hits)>.allocate(capacity: size)
        table.initialize(repeating: (0, 0), count: size)
        for (language, list) in words.enumerated() {
            for text in list.split(separator: " ") where text.utf8.count <= 8 && !text.contains("'") {
                let word = text.utf8.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                var at = slot(word)
                while table[at].word != 0, table[at].word != word { at = (at + 1) & (size - 1) }
                table[at] = (word, table[at].hits | 1 << (8 * UInt64(language)))
            }
        }
        return table
    }()

    @inline(__always)
    private static func slot(_ word: UInt64) -> Int { Int(truncatingIfNeeded: (word &* 0x9E37_79B9_7F4A_7C15) >> 53) }

    /// A letter of the Latin script in lower case, or a part of one; 0 is what parts words.
    @inline(__always)
    static func letter(_ byte: UInt8) -> UInt8 {
        if byte < 0x80 { return (byte | 0x20) &- 0x61 < 26 ? byte | 0x20 : 0 }
        return byte <= 0xC5 && (byte < 0xC0 || byte >= 0xC3) ? byte : 0
    }

    /// One for each language that has the word.
    @inline(__always)
    static func hits(_ word: UInt64, _ table: UnsafeMutablePointer<(word: UInt64, hits: Hits)>) -> Hits {
        var at = slot(word)
        while table[at].word != 0 {
            if table[at].word == word { return table[at].hits }
            at = (at + 1) & (size - 1)
        }
        return 0
    }

    /// The language with most hits, where one has.
    static func winner(_ hits: Hits) -> Int? {
        if hits == 0 { return nil }
        var best = 0
        var isEven = false
        var most: UInt64 = 0
        for language in 0..<7 {
            let count = hits >> (8 * UInt64(language)) & 0xFF
            if count > most {
                (best, most, isEven) = (language, count, false)
            } else if count == most {
                isEven = true
            }
        }
        return most > 0 && !isEven ? best : nil
    }
}
