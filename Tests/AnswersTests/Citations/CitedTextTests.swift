import Foundation
import Knowledge
import Testing

@testable import Answers

@Suite struct CitedTextTests {
    private static func passage(_ text: String, title: String = "") -> Passage {
        Passage(chunkID: "c", document: "d.md", title: title, headings: [], text: text, startByte: 0, endByte: 1, score: 1, signals: [])
    }

    private static let passages = [
        passage("The large kiln is fired at 1240 degrees on Tuesdays."), passage("Dogs are allowed on pier 3."),
        passage("A day pass costs 12 pounds."), passage("狗可以进入三号码头，但必须拴绳。"), passage("The bar is closed in January."),
    ]

    private static func run(_ pieces: [String], adds: Bool = false) -> CitedText {
        var text = CitedText(cited: 5, sources: adds ? passages : [])
        let told = pieces.map { text.add($0) }.joined() + text.finish()
        #expect(told == text.text)
        return text
    }

    @Test(arguments: [
        ("The kiln is hot [99].", "The kiln is hot."), ("The kiln is hot. [99] Dogs swim.", "The kiln is hot. Dogs swim."),
        ("The kiln is hot.[99] Dogs swim.", "The kiln is hot. Dogs swim."), ("Hot [1][99], cold [7][2].", "Hot [1], cold [2]."),
        ("It costs £5[99].", "It costs £5."), ("Hot [1] [6] [2]", "Hot [1] [2]"), ("Hot ([99]).", "Hot."),
        ("Hot [0].", "Hot."), ("Hot [123].", "Hot."), ("Source: [9]", "Source:"), ("Hot.\n[99]\nCold.", "Hot.\n\nCold."),
        ("开门[99]。", "开门。"), ("- Hot [99]\n- Cold [6]", "- Hot\n- Cold"), ("Hot [99]", "Hot"), ("Hot [99][^1].", "Hot [1]."),
        ("# Kilns [99]\n\nHot.", "# Kilns\n\nHot."), ("Hot [99] - very.", "Hot - very."), ("Hot [99][98][97].", "Hot."),
        ("Hot [2, 7].", "Hot [2]."), ("Hot [4-7].", "Hot [4][5]."), ("Hot [7, 8].", "Hot."), ("Hot ([1, 9]).", "Hot ([1])."),
        ("Hot ([8, 9]).", "Hot."),
        ("Hot [1], [9].", "Hot [1]."), ("Hot [9], [1].", "Hot [1]."), ("Hot [8], [9].", "Hot."), ("Hot [9], not cold.", "Hot, not cold."),
        ("Hot【9】.", "Hot."), ("Hot 【9†handbook.md】.", "Hot."), ("Hot【4:0†source】.", "Hot."), ("Hot[^9].", "Hot."), ("Hot [Source 9].", "Hot."),
        ("[99] Hot.", "Hot."), ("Hot.\n[99] Cold.", "Hot.\nCold."), ("- [99] Hot\n1. [99] Cold", "- Hot\n1. Cold"),
        ("[ ] and [x] and [1, 99]", "[ ] and [x] and [1]"),
    ])
    func aMarkWithoutItsPassageIsRemoved(_ reply: String, _ expected: String) {
        let text = Self.run([reply])
        #expect(text.text == expected)
        #expect(!text.removed.isEmpty)
    }

    @Test(arguments: [
        "See [99](https://a.example/x) and [1](b).", "Text.\n\n[^99]: note\n[^1]: other", "[99]: https://a.example", "[99][docs] is a link.",
        "`list[99]` and `[99]` stay.", "```\na = [99]\nb [99]\n```\n", "~~~py\nx [99]\n~~~\nEnd.", "Take items[99] and x[12].", "x = [99]",
        "[[99]]", "\\[99\\]", "Text:\n\n    array [99]\n    more [99]\n\nEnd.", "In [2024] and [1234].", "f(x)[99] and a.b[99]", "{\"a\": [99]}",
        "[{\"a\":[99]}]", "[text [99]](https://a.example)", "[ ] and [x]", "[1]: https://a.example\n[2]: https://b.example",
        "- [2]: https://b.example", "See [2]: https://b.example", "Sources: [1]: http://a.example [2]:http://b.example", "[1, 2](https://a.example)",
        "[1-3][docs]",
        "Hot (1) and (2).", "In [0, 1], [0-9] and [1 2].", "The interval [1, 5]", "x = [1, 2]", "a[1, 2]", "matrix[1, 2]", "`[1, 2]`",
        "```\n[1, 2]\n```",
        "[1, 2]", "Hot [1-99] and [3-1].", "Hot [01] and [1, 2024].", "Cut [1, 2", "Cut 【1", "【注】",
        "Cut [9", "Cut [", "``a ` [99]`` stays", "![99](image.png)", "ports: [80]", "[99]",
        "1. First\n\n   ```\n   x [99]\n   ```\n\n2. Second", "````\n```\n[99]\n```\n````\n",
    ])
    func otherBracketsAreLeftAlone(_ reply: String) {
        let text = Self.run([reply])
        #expect(text.text == reply)
        #expect(text.removed == [])
    }

    @Test(arguments: [
        ("Hot [1] and `a[2]` and [3](x).", [1]), ("nine[1]. ten [2][3]", [1, 2, 3]), ("```\n[1]\n```\n[2]", [2]), ("Source: [1]", [1]),
        ("x[1] my_list[2] itemList[3]", []), ("[1] Kilns are hot.", [1]), ("Hot ([1]).", [1]), ("Hot ([1][2]).", [1, 2]), ("开门[4]。", [4]),
        ("Hot [1], [2].", [1, 2]), ("It says [1]: hot. And [2]:", [1, 2]), ("As in [1]: how hot", [1]), ("See [2].\n\n[2]: https://b.example", [2]),
    ])
    func marksOfTheModelAreFoundAndBracketsOfCodeAreNone(_ reply: String, _ numbers: [Int]) {
        let text = Self.run([reply])
        #expect(text.marks.map(\.number) == numbers && text.marks.allSatisfy { $0.by == .model })
        #expect(text.text == reply && Citations.marks(in: reply, passages: 5) == numbers)
    }

    @Test(arguments: [
        ("Hot [1, 2].", "Hot [1][2].", [1, 2]), ("Hot [1,2;3].", "Hot [1][2][3].", [1, 2, 3]), ("Hot [1-3].", "Hot [1][2][3].", [1, 2, 3]),
        ("Hot [1–2, 4].", "Hot [1][2][4].", [1, 2, 4]), ("Hot ([1, 2]).", "Hot ([1][2]).", [1, 2]), ("Hot [2, 2].", "Hot [2].", [2]),
        ("Hot【1】.", "Hot[1].", [1]), ("Hot 【1†source】.", "Hot [1].", [1]), ("Hot【1†L3-L9】【2†a.md】.", "Hot[1][2].", [1, 2]), ("开门【4】。", "开门[4]。", [4]),
        ("Hot[^1].", "Hot[1].", [1]), ("Hot [^1][^2].", "Hot [1][2].", [1, 2]), ("Hot [Source 1] [passages 2, 3].", "Hot [1] [2][3].", [1, 2, 3]),
    ])
    func marksInOtherFormsComeOutInOne(_ reply: String, _ expected: String, _ numbers: [Int]) {
        for pieces in [[reply], reply.unicodeScalars.map { String($0) }] {
            let text = Self.run(pieces)
            #expect(text.text == expected && text.removed == [])
            #expect(text.marks.map(\.number) == numbers)
            for mark in text.marks { #expect(String(decoding: text.text.utf8.dropFirst(mark.offset), as: UTF8.self).hasPrefix("[\(mark.number)]")) }
        }
    }

    @Test func aModelThatSawNoNumbersHasFootnotesOfItsOwn() {
        var text = CitedText(cited: 0)
        #expect(text.add("Hot [^1] and cold [1].\n\n[^1]: note") + text.finish() == "Hot [^1] and cold.\n\n[^1]: note")
        #expect(text.removed == ["[1]"])
    }

    private static let long = """
        Hello there, friend. Dogs are allowed on pier 3. Cats are not [99]!

        1. On Tuesdays the large kiln is fired at 1240 °C.
        2. Mr. Hale zahlt am 3. Mai. A day pass costs 12 pounds
        3. `code [99]` and [99](link)

        ```
        A day pass costs 12 pounds. [99]
        ```
        狗可以进入三号码头。很好。A day pass costs 12 pounds. [3, 8] Dogs are allowed on pier 3.【9†x】
        """

    @Test func theSameTextComesOutHoweverItIsCut() {
        let whole = Self.run([Self.long], adds: true)
        #expect(
            whole.text == """
                Hello there, friend. Dogs are allowed on pier 3. [2] Cats are not!

                1. On Tuesdays the large kiln is fired at 1240 °C. [1]
                2. Mr. Hale zahlt am 3. Mai. A day pass costs 12 pounds [3]
                3. `code [99]` and [99](link)

                ```
                A day pass costs 12 pounds. [99]
                ```
                狗可以进入三号码头。[4]很好。A day pass costs 12 pounds. [3] Dogs are allowed on pier 3.
                """)
        #expect(whole.marks.map(\.number) == [2, 1, 3, 4, 3] && whole.marks.map(\.by) == [.overlap, .overlap, .overlap, .overlap, .model])
        #expect(whole.removed == ["[99]", "[8]", "[9]"])
        for mark in whole.marks {
            #expect(String(decoding: whole.text.utf8.dropFirst(mark.offset).prefix(3), as: UTF8.self) == "[\(mark.number)]")
        }
        let scalars = Self.long.unicodeScalars.map { String($0) }
        for size in [1, 2, 3, 5, 7, 31] {
            let pieces = stride(from: 0, to: scalars.count, by: size).map { scalars[$0..<min($0 + size, scalars.count)].joined() }
            let cut = Self.run(pieces, adds: true)
            #expect(cut.text == whole.text && cut.marks == whole.marks && cut.removed == whole.removed, "pieces of \(size)")
        }
    }

    @Test func noMoreIsHeldBackThanMayStillChange() {
        var text = CitedText(cited: 5, sources: Self.passages)
        #expect(text.add("Dogs are allo") == "Dogs are allo")
        #expect(text.add("wed on pier 3. ") == "wed on pier 3.")
        #expect(text.add("A") == " [2] A")
        #expect(text.add(" dog [") == " dog")
        #expect(text.add("9") == "")
        #expect(text.add("9]") == "")
        #expect(text.add(" barks [x") == " barks [x")
        #expect(text.add("] [1, ") == "]")
        #expect(text.add("2") == "")
        #expect(text.add("] (") == " [1][2]")
        #expect(text.add("a `[9") == " (a `[9")
        #expect(text.finish() == "")
        #expect(text.removed == ["[99]"])
    }

    @Test func theServerAddsNothingOnceTheModelHasMarked() {
        let text = Self.run(["A day pass costs 12 pounds [3]. Dogs are allowed on pier 3."], adds: true)
        #expect(text.marks.map(\.by) == [.model] && text.text == "A day pass costs 12 pounds [3]. Dogs are allowed on pier 3.")
        let after = Self.run(["A day pass costs 12 pounds. [3]\nDogs are allowed on pier 3."], adds: true)
        #expect(after.marks.map(\.number) == [3])
        // A mark that was none does not count.
        #expect(Self.run(["Dogs are allowed on pier 3 [99]."], adds: true).text == "Dogs are allowed on pier 3. [2]")
    }

    @Test(arguments: [
        "Step 5: the glaze must be dry.", "5. Put the pots on shelf 3.", "## Dogs are allowed on pier 3", "Are dogs allowed on pier 3?",
        "| Dogs are allowed on pier 3 |", "Dogs are allowed on pier 3:", "{\"text\": \"Dogs are allowed on pier 3.\"}",
    ])
    func whatStatesNothingGetsNoMark(_ reply: String) {
        let text = Self.run([reply], adds: true)
        #expect(text.text == reply && text.marks == [])
    }

    @Test func citationsAreGroupedByPassageAndAuthor() throws {
        let text = Self.run(["Dogs are allowed on pier 3. Also, dogs are allowed on pier 3. Yes [2]."], adds: true)
        let citations = Citations.citations(text.marks, Self.passages)
        #expect(citations.map(\.by) == [.overlap, .model] && citations.map(\.number) == [2, 2] && citations[0].offsets.count == 2)
        let encoded = try JSONEncoder().encode(citations)
        #expect(try JSONDecoder().decode([Citation].self, from: encoded) == citations)
        // Kept by a version that knew no offsets.
        let old = #"{"number":1,"document":"a","title":"b","chunk_id":"c","start_byte":0,"end_byte":1,"by":"overlap"}"#
        #expect(try JSONDecoder().decode(Citation.self, from: Data(old.utf8)).offsets == [])
    }

    /// A stream of many small pieces of one endless sentence, of brackets or of blanks.
    @Test(arguments: ["word ", "[", "[9", "[9, ", "【9†", "[1, 2]", ", ", " ", "(", "`", "。", "a.b", "[1]", "\n", "[9]a "])
    func anEndlessTextComesThroughWhole(_ piece: String) {
        let text = Self.run(Array(repeating: piece, count: 20_000), adds: true)
        #expect(text.text == String(repeating: piece == "[1, 2]" ? "[1][2]" : piece, count: 20_000) || piece == "[9]a ")
    }
}
