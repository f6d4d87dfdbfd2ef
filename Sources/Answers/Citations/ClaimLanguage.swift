/// Words that count for their grammar, in English, German, Spanish and French; without accents.
enum ClaimLanguage {
    private static func list(_ text: String) -> Set<String> { Set(text.split(whereSeparator: \.isWhitespace).map(String.init)) }

    /// Left out of the comparison. Not German ones: their case tells who does what to whom.
    static let articles = list("the a an per of its also yes el la los las un una unos unas le les une")
    static let functionWords = Set(FunctionWords.english)

    /// Begin an adverbial, which may stand before or behind its clause.
    static let prepositions = list(
        """
        in on at by for from to with since until till before after during if when while although because as under over between
        am im an auf bei mit von vom zu zum zur fur nach vor seit ab bis wahrend wenn falls weil unter uber
        en a al de del con desde hasta para por durante si cuando aunque sobre antes despues
        au aux dans du depuis avec pour pendant quand sur avant apres chez
        """)
    static let conjunctions = list("and but because und aber weil y e pero porque et mais")

    /// Quantities, conditions, frequencies, and whose word it is: what is left out of a sentence must hold none.
    static let qualifiers = limits.union(
        list(
            """
            all every each any most many some few several more less fewer half both least almost nearly about
            often sometimes usually always mostly probably perhaps possibly rare hardly rarely seldom
            say says said claim claimed according allegedly supposedly reportedly denied believed planned
            alle jede jeder jedes jeden meisten viele einige wenige mehr weniger halfte etwa fast mindestens hochstens
            oft manchmal meist immer vielleicht wahrscheinlich laut angeblich
            todas todos cada muchos algunos pocos mas menos casi siempre quizas segun
            tous toutes chaque plupart plusieurs quelques plus moins presque souvent parfois toujours selon
            """))
    /// Denials, permissions and conditions: they also hold for what follows an "and".
    static let limits = list(
        """
        not no never none neither nor nobody nothing without cannot can't don't doesn't didn't isn't aren't wasn't won't
        only just except unless if when where who whether provided or instead until up otherwise although though unlike that
        may might must can could should would shall
        nicht kein keine keinen keinem keiner nie niemals ohne weder nur ausser sofern falls wenn ob oder sondern sonst bis obwohl dass
        darf durfen kann konnen konnte muss mussen soll sollte sollen
        nunca jamas sin ni nadie solo salvo excepto si cuando o sino que puede pueden podria debe deben deberia
        pas jamais sans aucun aucune rien seulement sauf ou qui peut peuvent pourrait doit doivent devrait
        """)
    static let pronouns = list("it they he she this these er sie es ella ellos ellas il elle ils elles")
    static let pauses = Set(",;:–—、，；：".unicodeScalars)

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

    /// What stands behind a number, by its name.
    static let units: [String: String] = {
        var units: [String: String] = [:]
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
            for word in words { units[word] = words[0] }
        }
        return units
    }()
    static let measures = Set(units.values).union(currencies.values)
    static let signs: [Unicode.Scalar: String] = ["%": "percent", "°": "degree"]
    static let currencies: [Unicode.Scalar: String] = ["£": "pound", "$": "dollar", "€": "euro", "¥": "yen"]
}
