/// Words that count for their grammar.
enum ClaimLanguage {
    private static func list(_ text: String) -> Set<String> { Set(text.split(whereSeparator: \.isWhitespace).map(String.init)) }

    /// Says nothing of the subject; without accents.
    // The floor, the day and the train are told apart by these three.
    static let small = Set(FunctionWords.english).subtracting(["first", "last", "next"]).union(
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
    static let pronouns = list("it they them he she him this these there er sie es ihn dies dort él ella ellos ellas allí ahí il elle ils elles là")
    static let possessives = list("its his her their sein seine ihr ihre su sus son sa ses")
    static let verbs = list(
        """
        is are was were has have had can may must will do does did ist sind war waren hat haben hatte kann können muss müssen wird werden darf
        es son era fue hay está están puede deben est sont était ont peut doit
        """)
    /// Before who does it, in the passive.
    static let agents = list("by von vom durch por par")
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
            ("before until till by vor bis antes hasta avant jusqu", "after from since nach ab seit después despues desde après depuis dès"),
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
enum ClaimUnits {
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
