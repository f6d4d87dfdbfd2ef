import Foundation
import Knowledge
import Testing

@testable import Answers

/// Whether marks by overlap are right: on pairs written by hand, and on real paragraphs.
@Suite struct PassageSupportTests {
    private struct Group: Decodable {
        var passages: [String]
        var cases: [Case]
    }

    /// A sentence and the number of the passage that supports it; 0 for none.
    private struct Case: Decodable {
        var sentence: String
        var mark: Int

        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            sentence = try values.decode(String.self)
            mark = try values.decode(Int.self)
        }
    }

    private static func passage(_ text: String, title: String = "") -> Passage {
        Passage(chunkID: "c", document: "d.md", title: title, headings: [], text: text, startByte: 0, endByte: 1, score: 1, signals: [])
    }

    private struct Score: CustomStringConvertible {
        var right = 0
        var wrong: [String] = []
        var missed: [String] = []
        var unsupported = 0

        var precision: Double { Double(right) / Double(max(1, right + wrong.count)) }
        var recall: Double { Double(right) / Double(max(1, right + missed.count)) }
        var description: String {
            "precision \(precision) (\(right) of \(right + wrong.count)), recall \(recall) (\(right) of \(right + missed.count)), \(unsupported) unsupported"
        }
    }

    private static func score(_ groups: [Group]) -> Score {
        var score = Score()
        for group in groups {
            let support = PassageSupport(group.passages.map { passage($0) })
            for pair in group.cases {
                let mark = support.passage(for: pair.sentence) ?? 0
                if pair.mark == 0 { score.unsupported += 1 }
                if mark != 0, mark == pair.mark { score.right += 1 }
                if mark != 0, mark != pair.mark { score.wrong.append(pair.sentence) }
                if mark != pair.mark, pair.mark != 0 { score.missed.append(pair.sentence) }
            }
        }
        return score
    }

    /// The three "twisted" sets were written before today's rules were run on them and are mostly sentences of a passage
    /// with one thing changed: a role, a quantity, a possibility, a time, a condition. The other sets are of earlier rules
    /// and hold many paraphrases, which get no mark.
    @Test func marksAreRightOnPairsWrittenByHand() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "support-pairs.json")
        let sets = try JSONDecoder().decode([String: [Group]].self, from: Data(contentsOf: file))
        for (name, groups) in sets.sorted(by: { $0.key < $1.key }) { print("marks by overlap, \(name):", Self.score(groups)) }
        let twisted = Self.score(["twisted", "twisted_again", "twisted_once_more"].flatMap { sets[$0]! })
        let all = Self.score(sets.values.flatMap { $0 })
        print("marks by overlap, all pairs:", all)
        #expect(all.right + all.missed.count + all.unsupported == 524 && all.unsupported == 298)
        #expect(all.wrong == [])
        #expect(all.recall >= 0.35, "\(all.missed)")
        #expect(twisted.recall >= 0.75, "\(twisted.missed)")
    }

    /// A claim that a sentence of a passage does not make, and beside it one that it does.
    @Test(arguments: [
        ("Northgate hired Bellweather in 2021.", "Bellweather hired Northgate in 2021.", "In 2021 Northgate hired Bellweather."),
        ("The lift carries 12 people at a time.", "The lift carries more than 12 people at a time.", "The lift carries twelve people at a time."),
        ("Members may bring a guest on Sundays.", "Members must bring a guest on Sundays.", "On Sundays members may bring a guest."),
        ("Guests must not park behind the hall.", "Guests must park behind the hall.", "The guests must not park behind a hall."),
        ("If it rains, the concert is held in the hall.", "The concert is held in the hall.", "The concert is held in the hall if it rains."),
        ("Breakfast costs 12 pounds, except on Sundays.", "Breakfast costs 12 pounds.", "Breakfast costs £12, except on Sundays."),
        ("Tickets are sold in the lobby, and at the gate.", "Tickets are sold at the gate.", "Tickets are sold in the lobby."),
        ("Kilns cool for 1 hour and 30 minutes.", "Kilns cool for 1 hour.", "The kilns cool for 1 h and 30 min."),
        ("You may not drink and drive the company van.", "You may not drink.", "You may not drink and drive the company van."),
        ("The sister of Anna and Ben lives in Leeds.", "Ben lives in Leeds.", "The sister of Anna and Ben lives in Leeds."),
        (
            "Der Mieter kann dem Vermieter jederzeit kündigen.", "Dem Mieter kann der Vermieter jederzeit kündigen.",
            "Der Mieter kann dem Vermieter jederzeit kündigen."
        ),
        ("Is the sauna closed on Mondays?", "The sauna is closed on Mondays.", nil),
    ])
    func whatTurnsASentenceRoundGetsNoMark(_ passage: String, _ twisted: String, _ said: String?) {
        let support = PassageSupport([Self.passage(passage)])
        #expect(support.passage(for: twisted) == nil)
        if let said { #expect(support.passage(for: said) == 1) }
    }

    @Test func oneSharedNumberIsNoSupport() {
        let support = PassageSupport(
            ["Kilns cool for 12 hours.", "The bar is closed.", "A pass costs 12 pounds.", "Members get a key.", "Dogs are allowed on pier 3."]
                .map { Self.passage($0) })
        for sentence in [
            "3. Load the kiln and close its door.", "Step 3: set the kiln to 1000 degrees.", "Choose one of the 3 programmes.",
            "In 2019 the kiln was replaced.", "It takes 3 people to lift the lid of the kiln.",
        ] {
            #expect(support.passage(for: sentence) == nil, "\(sentence)")
        }
        #expect(support.passage(for: "Also, dogs are allowed on pier 3.") == 5)
    }

    @Test func aNumberCountsWithWhatItCounts() {
        let support = PassageSupport([Self.passage("Mix 2 kg of sand with 5 litres of water in the blue bucket.")])
        #expect(support.passage(for: "Mix 2 kilograms of sand with 5 l of water in the blue bucket.") == 1)
        #expect(support.passage(for: "Mix 5 kg of sand with 2 litres of water in the blue bucket.") == nil)
        #expect(support.passage(for: "Mix 2 pounds of sand with 5 litres of water in the blue bucket.") == nil)
    }

    @Test func aHeadingIsReadWithItsPassageButIsNoPassage() {
        let support = PassageSupport([Self.passage("It closes at 18:00 on Sundays.", title: "Swimming pool")])
        #expect(support.passage(for: "The swimming pool closes at 6 pm on Sundays.") == 1)
        #expect(support.passage(for: "There is a swimming pool.") == nil)
    }

    // MARK: Real paragraphs

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let xquad = root.deletingLastPathComponent().appending(path: "shared/data/xquad")

    /// The sample handbook, and where they are at hand Wikipedia's paragraphs in four languages.
    private static let collections = ["handbook"] + (FileManager.default.fileExists(atPath: xquad.path) ? ["en", "de", "es", "zh"] : [])

    private static func paragraphs(_ collection: String) throws -> [Passage] {
        guard collection == "handbook" else {
            struct Paragraph: Decodable {
                var title: String
                var text: String
            }
            let lines = try String(contentsOf: xquad.appending(path: "\(collection)/corpus.jsonl"), encoding: .utf8).split(
                whereSeparator: \.isNewline)
            return try lines.prefix(21).map { try JSONDecoder().decode(Paragraph.self, from: Data($0.utf8)) }.map {
                passage($0.text, title: $0.title)
            }
        }
        let pages = try FileManager.default.contentsOfDirectory(at: root.appending(path: "samples/handbook"), includingPropertiesForKeys: nil)
        return try pages.sorted { $0.path < $1.path }.flatMap { page in
            let text = try String(contentsOf: page, encoding: .utf8)
            let title = String(text.prefix { !$0.isNewline }.drop { $0 == "#" || $0 == " " })
            return text.components(separatedBy: "\n\n").filter { $0.first?.isLetter == true && $0.count > 80 }.map { passage($0, title: title) }
        }
    }

    /// A paragraph's sentences against it among five others, and against the five alone, which mostly are of the same article.
    @Test(arguments: collections)
    func sentencesOfAParagraphAreFoundInItAndInNoOther(_ collection: String) throws {
        let all = try Self.paragraphs(collection)
        #expect(all.count > 20)
        var (sentences, found, elsewhere, foreign) = (0, 0, 0, 0)
        for index in all.indices.dropLast(5) {
            let others = Array(all[index + 1...index + 5])
            let (both, without) = (PassageSupport([all[index]] + others), PassageSupport(others))
            for sentence in NoteSelector.sentences(all[index]) {
                sentences += 1
                if let number = both.passage(for: sentence) { if number == 1 { found += 1 } else { elsewhere += 1 } }
                if without.passage(for: sentence) != nil { foreign += 1 }
            }
        }
        print("marks by overlap, \(collection): \(found) of \(sentences) found, \(elsewhere) elsewhere, \(foreign) without their paragraph")
        // The rules ask for the sentence word after word; those of the handbook's that stand on another's subject are not found.
        #expect(found * 100 >= sentences * 85 && elsewhere * 100 <= sentences && foreign * 100 <= sentences)
    }
}
