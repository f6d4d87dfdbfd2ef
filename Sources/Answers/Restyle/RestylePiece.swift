import Foundation

/// A part of a reply: a few sentences to restyle, or something that must stay as it is (code, a table, a
/// heading). All pieces of a reply, joined, are the reply.
package struct RestylePiece: Sendable, Equatable {
    /// Marker and indentation of a list item.
    package var lead = ""
    package var text: String
    /// White space behind it.
    package var tail = ""
    package var isProse: Bool

    /// Words of one piece. Replies that voices are trained on are about as long, and the shorter a piece is,
    /// the less is thrown away with one that lost its meaning.
    static let words = 60
    /// A piece of fewer is left alone: there is nothing to restyle in "Yes." or a name.
    static let fewest = 4

    package static func join(_ pieces: [RestylePiece]) -> String { pieces.map { $0.lead + $0.text + $0.tail }.joined() }

    package static func split(_ reply: String) -> [RestylePiece] {
        var pieces: [RestylePiece] = []
        var paragraph = ""
        var fence: Substring?
        func flush() {
            guard !paragraph.isEmpty else { return }
            pieces += prose(paragraph)
            paragraph = ""
        }
        for line in lines(reply) {
            let bare = line.drop { $0 == " " || $0 == "\t" }
            let isFence = bare.hasPrefix("```") || bare.hasPrefix("~~~")
            if isFence || fence != nil {
                flush()
                pieces.append(RestylePiece(text: String(line), isProse: false))
                if let open = fence { if isFence, bare.hasPrefix(open) { fence = nil } } else { fence = bare.prefix(3) }
            } else if bare.allSatisfy(\.isWhitespace) || bare.hasPrefix("|") || bare.hasPrefix("#") || line.hasPrefix("    ") || line.hasPrefix("\t")
            {
                flush()
                pieces.append(RestylePiece(text: String(line), isProse: false))
            } else if let marker = line.prefixMatch(of: /\s*(?:[-*+]|\d+[.)])\s+/) {
                flush()
                var item = prose(String(line[marker.range.upperBound...]))
                item[0].lead = String(marker.0)
                pieces += item
            } else {
                paragraph += line
            }
        }
        flush()
        return pieces
    }

    /// Groups of sentences.
    private static func prose(_ paragraph: String) -> [RestylePiece] {
        var pieces: [RestylePiece] = []
        var (text, gap, words) = ("", "", 0)
        func flush() {
            if !text.isEmpty { pieces.append(RestylePiece(text: text, tail: gap, isProse: words >= fewest)) }
            (text, gap, words) = ("", "", 0)
        }
        for sentence in sentences(paragraph) {
            let count = sentence.text.split(whereSeparator: \.isWhitespace).count
            if words > 0, words + count > Self.words { flush() }
            text += gap + sentence.text
            gap = sentence.gap
            words += count
        }
        flush()
        return pieces.isEmpty ? [RestylePiece(text: paragraph, isProse: false)] : pieces
    }

    /// Sentences, each with the white space behind it; a citation mark belongs to the sentence before it.
    package static func sentences(_ text: String) -> [(text: String, gap: String)] {
        var result: [(text: String, gap: String)] = []
        var rest = text[...]
        var (sentence, gap) = ("", "")
        var hasEnded = false
        while !rest.isEmpty {
            let word = rest.prefix { !$0.isWhitespace }
            rest = rest.dropFirst(word.count)
            let space = rest.prefix { $0.isWhitespace }
            rest = rest.dropFirst(space.count)
            sentence += gap + word
            gap = String(space)
            // A mark ends what the word before it has ended.
            hasEnded = ends(word) || hasEnded && word.prefixMatch(of: /\[\d{1,2}\]/) != nil
            let isMarkNext = rest.prefixMatch(of: /\[\d{1,2}\]/) != nil
            if hasEnded, !isMarkNext, !rest.isEmpty {
                result.append((sentence, gap))
                (sentence, gap, hasEnded) = ("", "", false)
            }
        }
        if !sentence.isEmpty || !gap.isEmpty { result.append((sentence, gap)) }
        return result
    }

    private static let abbreviations: Set<String> = ["mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "fig", "cf", "approx"]

    /// Whether a word ends its sentence. Abbreviations do not, nor do German ordinals ("am 3. Mai").
    static func ends(_ word: Substring, after before: Substring) -> Bool {
        guard let last = word.last, ".!?…\"'”’)]*_".contains(last), ends(word) else { return false }
        return !(beforeOrdinals.contains(before.lowercased()) && word.wholeMatch(of: /\d{1,2}\./) != nil)
    }

    private static let beforeOrdinals: Set<String> = [
        "am", "im", "der", "die", "das", "dem", "den", "des", "vom", "zum", "zur", "bis", "seit", "ab", "und", "jeden", "jedes", "ein", "einen",
    ]

    private static func ends(_ word: Substring) -> Bool {
        let core = word.replacing(/\[\d{1,2}\]/, with: "").trimmingCharacters(in: CharacterSet(charactersIn: "\"'”’)]*_"))
        guard let last = core.last, ".!?…".contains(last) else { return false }
        let stem = core.trimmingCharacters(in: CharacterSet(charactersIn: ".!?…(\"'“"))
        return !(last == "." && (abbreviations.contains(stem.lowercased()) || stem.count == 1 && stem.first!.isUppercase))
    }

    /// Lines with their newlines.
    private static func lines(_ text: String) -> [Substring] {
        var lines: [Substring] = []
        var start = text.startIndex
        for index in text.indices where text[index].isNewline {
            let next = text.index(after: index)
            lines.append(text[start..<next])
            start = next
        }
        if start < text.endIndex { lines.append(text[start...]) }
        return lines
    }
}
