import Knowledge

/// An answer's text on its way to the client: notes the model's marks like `[2]`, takes out those that stand for no
/// passage, and sets one behind a sentence that a passage supports, as long as the model has set none.
///
/// Marks in other forms (``MarkBracket``) come out as `[1][2]`, so that every mark reads `[n]` at its offset.
///
/// The same text comes out however it is cut into pieces. Held back is only what may still change: white space until
/// what follows it is known, and a bracket until it is known to be a mark. Code, Markdown links, definitions of links
/// and footnotes, and array indexes stay as they are.
struct CitedText: Sendable {
    /// A mark in the text.
    struct Mark: Sendable, Equatable {
        var number: Int
        var by: Citation.Author
        /// Of its bracket: UTF-8 bytes from the beginning of the text.
        var offset: Int
    }

    private(set) var marks: [Mark] = []
    /// The model's marks that stood for no passage, as they were.
    private(set) var removed: [String] = []
    /// All that was given out.
    private(set) var text = ""
    private var fresh = ""

    /// Passages that the model was shown by number: what it may cite.
    private let cited: Int
    private let sources: [Passage]
    /// Read when the first sentence ends: by then the model has begun.
    private lazy var support = PassageSupport(sources)

    // Held back: white space and a comma between marks, a bracket, a run of fence characters.
    private var space = ""
    private var bracket = MarkBracket()
    /// A round bracket before it; behind it a round bracket, or what may tell that it is part of a link.
    private var (opening, closing) = ("", "")
    private var fence = Fence()

    // Where in the text it is.
    private var code: Code?
    /// Headings and rows of tables get no mark.
    private var isProse = true
    private var isFirstWord = true
    private var isInList = false
    private var openBrackets = 0
    private var word = ""
    private var wordBefore = ""
    private var previous: Unicode.Scalar?
    private var endsInMark = false
    /// The mark that it ends in was taken out.
    private var endsInGap = false
    private var isJSON = false
    private var modelHasMarked = false

    // The sentence so far.
    private var sentence = ""
    private var sentenceIsMarked = false
    private var stop = Stop.none

    /// What ends the sentence: a stop before white space, or a full-width stop by itself.
    private enum Stop { case none, spaced, wide }
    private enum Code: Equatable { case fenced, inline(Int), indented }
    private struct Fence {
        var scalar: Unicode.Scalar = "`"
        /// Of the run at hand.
        var run = 0
        /// Of the fence that is open.
        var length = 0
        /// Whether the line holds nothing but the run.
        var isAlone = false
    }

    /// - Parameters:
    ///   - cited: passages that the model was shown with their numbers.
    ///   - sources: passages a sentence may be marked with; none adds no marks.
    init(cited: Int, sources: [Passage] = []) {
        self.cited = cited
        self.sources = sources
    }

    /// Takes the next piece.
    /// - Returns: what can be given out by now.
    mutating func add(_ piece: String) -> String {
        for scalar in piece.unicodeScalars { step(scalar) }
        return taken()
    }

    /// Lets go of what is held back, in the middle of a text.
    mutating func flush() -> String {
        settleFence()
        settleHeld()
        fresh += space
        space = ""
        return taken()
    }

    /// The text is over.
    /// - Returns: the rest of it.
    mutating func finish() -> String {
        settleFence()
        settleHeld()
        endSentence()
        return flush()
    }

    private mutating func taken() -> String {
        defer { fresh = "" }
        text += fresh
        return fresh
    }

    // MARK: Scalars

    private mutating func step(_ scalar: Unicode.Scalar) {
        if isJSON { return fresh.unicodeScalars.append(scalar) }
        if fence.run > 0, code != .fenced, scalar != fence.scalar { settleFence() }
        if code == .fenced { return stepFenced(scalar) }
        if isHeld, stepBracket(scalar) { return }
        if scalar.properties.isWhitespace {
            // What follows a mark that was taken out at the beginning of a line moves up to it.
            if scalar == " ", endsInGap, space.isEmpty ? previous == nil : space.hasSuffix("\n") { return }
            return space.unicodeScalars.append(scalar)
        }
        // It goes with the mark that follows, if that is taken out.
        if scalar == ",", endsInMark, space.isEmpty {
            stop = .none
            return space.unicodeScalars.append(scalar)
        }
        if previous == nil, scalar == "{" {
            isJSON = true
            fresh += space
            space = ""
            return step(scalar)
        }
        if code == nil, scalar == "(" || MarkBracket.opens(scalar) {
            if scalar == "(" { opening = "(" } else { _ = bracket.take(scalar) }
            return
        }
        begin(scalar)
        if scalar == "`" || scalar == "~" && (fence.run > 0 || isFirstWord && word.isEmpty) {
            if fence.run == 0 { fence = Fence(scalar: scalar, isAlone: isFirstWord && word.isEmpty) }
            fence.run += 1
            (previous, endsInMark, endsInGap) = (scalar, false, false)
            return fresh.unicodeScalars.append(scalar)
        }
        put(scalar)
    }

    /// Ends what the white space before a scalar ends, and gives the white space out.
    private mutating func begin(_ scalar: Unicode.Scalar) {
        let newlines = space.unicodeScalars.count { $0 == "\n" }
        if space.isEmpty {
            guard stop == .wide, !Self.closers.contains(scalar), scalar != "(" else {
                if previous == nil { beginLine(scalar, blank: true) }
                return
            }
            endSentence()
            word = ""
            return
        }
        // The number or dash of a list item belongs to no sentence.
        if isFirstWord, Self.isListMarker(word) {
            isInList = isInList || word != ">"
            sentence = ""
            stop = .none
        }
        let endsBlock = newlines > 1 || newlines == 1 && (!isProse || Self.blockStarts.contains(scalar) || scalar.properties.numericType == .decimal)
        if endsBlock || stop == .wide || stop == .spaced && RestylePiece.ends(word[...], after: wordBefore[...]) { endSentence() }
        if newlines > 1, case .inline = code { code = nil }
        isFirstWord = false
        (wordBefore, word) = (word, "")
        if newlines > 0 || previous == nil { beginLine(scalar, blank: newlines > 1 || previous == nil) } else if !sentence.isEmpty { sentence += " " }
        fresh += space
        space = ""
    }

    private mutating func beginLine(_ scalar: Unicode.Scalar, blank: Bool) {
        let indent = space.unicodeScalars.reversed().prefix { $0 != "\n" }.reduce(0) { $0 + ($1 == "\t" ? 4 : 1) }
        if blank, indent == 0, !Self.blockStarts.contains(scalar), scalar.properties.numericType != .decimal { isInList = false }
        if indent >= 4, !isInList, blank || code == .indented {
            code = .indented
        } else if code == .indented {
            code = nil
        }
        isProse = scalar != "#" && scalar != "|"
        isFirstWord = true
        openBrackets = 0
        if !sentence.isEmpty { sentence += " " }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        fresh.unicodeScalars.append(scalar)
        if sentence.utf8.count <= PassageSupport.longest { sentence.unicodeScalars.append(scalar) }
        if word.utf8.count < 80 { word.unicodeScalars.append(scalar) }
        (previous, endsInMark, endsInGap) = (scalar, false, false)
        guard code == nil else {
            stop = .none
            return
        }
        if scalar == "[" { openBrackets += 1 }
        if scalar == "]" { openBrackets = max(0, openBrackets - 1) }
        if ".!?…".unicodeScalars.contains(scalar) {
            stop = .spaced
        } else if "。！？".unicodeScalars.contains(scalar) {
            stop = .wide
        } else if !Self.closers.contains(scalar) {
            stop = .none
        }
    }

    // MARK: Code

    /// Backticks begin and end code; three at the beginning of a line begin a block.
    private mutating func settleFence() {
        guard fence.run > 0, code != .fenced else { return }
        if fence.isAlone, fence.run >= 3, code == nil {
            code = .fenced
            fence.length = fence.run
            fence.isAlone = false
        } else if fence.scalar == "`" {
            if code == nil { code = .inline(fence.run) } else if code == .inline(fence.run) { code = nil }
        }
        fence.run = 0
    }

    private mutating func stepFenced(_ scalar: Unicode.Scalar) {
        if scalar == "\n" {
            if fence.isAlone, fence.run >= fence.length {
                code = nil
                fence.run = 0
                sentence = ""
                stop = .none
                // The next line begins like any other.
                return space.unicodeScalars.append(scalar)
            }
            (fence.isAlone, fence.run) = (true, 0)
        } else if scalar == fence.scalar, fence.isAlone {
            fence.run += 1
        } else if !scalar.properties.isWhitespace {
            fence.isAlone = false
        }
        previous = scalar
        fresh.unicodeScalars.append(scalar)
    }

    // MARK: Brackets

    private var isHeld: Bool { !opening.isEmpty || !bracket.isEmpty }

    /// - Returns: false where the scalar is to be read as any other.
    private mutating func stepBracket(_ scalar: Unicode.Scalar) -> Bool {
        if closing == "[" {
            // "[1][" may be two marks, a mark and a footnote, or a link by reference.
            guard scalar.properties.numericType == .decimal || scalar == "^" else {
                release()
                return false
            }
            closing = ""
            settleBracket(before: "[")
            _ = bracket.take("[")
            return stepBracket(scalar)
        }
        if closing.first == ":" {
            // "[1]: https://…" says where a link goes.
            let rest = closing.dropFirst().drop { $0 == " " } + String(scalar)
            closing.unicodeScalars.append(scalar)
            if rest == "http" {
                release()
            } else if !(scalar == " " && closing.count < 8 || "http".hasPrefix(rest)) {
                settleHeld()
            }
            return true
        }
        if bracket.take(scalar) { return true }
        guard bracket.isClosed else {
            release()
            return false
        }
        if scalar == "[" || scalar == ":", !bracket.isWide, opening.isEmpty {
            closing = String(scalar)
            return true
        }
        if scalar == ")", !opening.isEmpty {
            closing = ")"
            settleBracket(before: scalar)
            return true
        }
        settleBracket(before: scalar)
        return false
    }

    /// The bracket is text like any other.
    private mutating func release() {
        let text = opening + bracket.text + closing
        (opening, bracket, closing) = ("", MarkBracket(), "")
        for scalar in text.unicodeScalars {
            begin(scalar)
            put(scalar)
        }
    }

    /// Nothing more is waited for.
    private mutating func settleHeld() {
        let rest = closing.unicodeScalars
        closing = ""
        settleBracket(before: rest.first)
        for scalar in rest { step(scalar) }
        if isHeld { release() }
    }

    /// A bracket is complete, or cut off by the end of the text: is it a mark, and of which passages?
    private mutating func settleBracket(before next: Unicode.Scalar?) {
        guard isHeld else { return }
        if !opening.isEmpty, closing.isEmpty {
            let held = bracket
            bracket = MarkBracket()
            release()
            guard !held.isEmpty else { return }
            bracket = held
        }
        // A model that saw no numbers has footnotes of its own.
        guard let numbers = bracket.numbers, !(bracket.isFootnote && cited == 0) else { return release() }
        let known = numbers.filter { $0 >= 1 && $0 <= cited }
        let isAlone = next == nil || next == "\n" || next == "\r"
        guard isMark(numbers, isKnown: !known.isEmpty, isAlone, before: next) else { return release() }
        let startsLine = space.contains("\n") || previous == nil
        for number in numbers where !known.contains(number) { removed.append("[\(number)]") }
        if known.isEmpty {
            if startsLine {
                while space.last == " " { space.removeLast() }
            } else if next != "[", !(next.map { $0.properties.isAlphabetic || $0.properties.numericType != nil } ?? false) {
                space = ""
            }
        } else {
            if startsLine, !isAlone { begin("[") }
            if endsInGap, space.first == "," { space.removeFirst() }
            fresh += space + opening
            space = ""
            for number in known {
                marks.append(Mark(number: number, by: .model, offset: text.utf8.count + fresh.utf8.count))
                fresh += "[\(number)]"
            }
            fresh += closing
            (sentenceIsMarked, modelHasMarked) = (true, true)
            previous = "]"
        }
        (endsInMark, endsInGap) = (true, known.isEmpty)
        (opening, bracket, closing) = ("", MarkBracket(), "")
    }

    private func isMark(_ numbers: [Int], isKnown: Bool, _ isAlone: Bool, before next: Unicode.Scalar?) -> Bool {
        let startsLine = space.contains("\n") || previous == nil || isFirstWord && Self.isListMarker(word)
        if next == "(" || startsLine && next == ":" || openBrackets > 0 && !isKnown { return false }
        // A text that is nothing but a list of numbers is no answer with marks.
        if startsLine { return previous != nil || !isAlone || isKnown && numbers.count == 1 }
        guard let previous, !endsInMark else { return true }
        if numbers.count > 1, Self.listed.contains(word.lowercased()) { return false }
        if previous == ":" {
            let label = word.dropLast().lowercased()
            return label.last == "\"" ? false : isKnown || Self.labels.contains(String(label.filter(\.isLetter)))
        }
        if space.isEmpty {
            if bracket.isFootnote || bracket.isWide { return true }
            if previous.properties.isAlphabetic || previous == "_" {
                // "items[9]" is an index; "nine[1]" has a passage. Scripts without spaces have no such indexes.
                return previous.value >= 0x2E80 || isKnown && !Self.isIdentifier(word)
            }
            if previous == ")" { return !Self.isIdentifier(word) }
            return previous == "(" && isKnown || previous.properties.numericType == .decimal || Self.endings.contains(previous)
        }
        return !"=<>+/\\{[(|&$~^".unicodeScalars.contains(previous)
    }

    private static func isListMarker(_ word: String) -> Bool {
        !word.isEmpty && word.utf8.count <= 4 && word.wholeMatch(of: /[-*+•>]|\d{1,3}[.)]/) != nil
    }

    /// Whether a word looks like a name in a program: `x`, `my_list`, `itemList`, `a.b`, `f(x)`.
    private static func isIdentifier(_ word: String) -> Bool {
        let word = word.drop { "(\"'*".contains($0) }
        return word.utf8.count == 1 || word.contains("_") || word.contains(/\p{Ll}\p{Lu}|\w\(|\w\.\w/)
    }

    // MARK: Sentences

    private mutating func endSentence() {
        defer { (sentence, sentenceIsMarked, stop) = ("", false, .none) }
        guard !sources.isEmpty, !modelHasMarked, !sentenceIsMarked, isProse, code == nil else { return }
        guard let last = sentence.unicodeScalars.last(where: { !Self.closers.contains($0) && !$0.properties.isWhitespace }),
            !":：?？".unicodeScalars.contains(last), let number = support.passage(for: sentence)
        else { return }
        if !"。！？".unicodeScalars.contains(last) { fresh += " " }
        marks.append(Mark(number: number, by: .overlap, offset: text.utf8.count + fresh.utf8.count))
        fresh += "[\(number)]"
    }

    private static let closers = Set("\"'”’»)]*_」』）".unicodeScalars)
    private static let blockStarts = Set("-*+•#|>`~".unicodeScalars)
    /// What a mark may stand right behind.
    private static let endings = Set(".,;!?…%\"'”’»*°€£`。，、；：！？」』）".unicodeScalars)
    /// What numbers in brackets behind it belong to.
    private static let listed: Set<String> = [
        "interval", "range", "between", "list", "array", "vector", "matrix", "values", "coordinates", "pages", "intervall", "bereich", "intervalo",
        "intervalle",
    ]
    /// What may stand before a colon and a mark.
    private static let labels: Set<String> = [
        "source", "sources", "see", "ref", "reference", "references", "passage", "passages", "quelle", "quellen", "siehe", "fuente", "fuentes",
        "voir",
    ]
}
