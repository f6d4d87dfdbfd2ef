import Answers
import Foundation
import Testing
import Training

@Suite struct RestylePieceTests {
    @Test(arguments: [
        "One sentence only.", "Two here. And [1] one more! [2]\n\nA paragraph, Mr. Hale said, at 10.30 a.m. on Monday.\n", "", "\n\n",
        "- first item of the list\n- second item, longer\n  goes on\n\n1. numbered\n2) too\n", "```swift\nlet a = 1. b\n```\ntext after it is prose.",
        "# Title\n| a | b |\n|---|---|\n| 1 | 2 |\nfoot", "~~~\nunclosed fence\n\nstill code", "    indented code\nprose again, four words",
        "é\r\nwindows line ends are kept\r\n",
    ]) func thePiecesJoinedAreTheReply(_ reply: String) {
        #expect(RestylePiece.join(RestylePiece.split(reply)) == reply)
    }

    @Test func codeTablesAndHeadingsAreNoProse() {
        let pieces = RestylePiece.split("# A heading of four words\n\nA text of several words.\n```\nlet it be code here\n```\n| a b | c d |\n")
        #expect(pieces.filter(\.isProse).map(\.text) == ["A text of several words."])
    }

    @Test func listItemsKeepTheirMarkers() {
        let pieces = RestylePiece.split("- bring the warm gloves\n12. close the workshop door\n").filter(\.isProse)
        #expect(pieces.map(\.lead) == ["- ", "12. "] && pieces.map(\.text) == ["bring the warm gloves", "close the workshop door"])
    }

    @Test func longParagraphsAreCutBetweenSentences() {
        let sentence = "This sentence has exactly ten words in it, I think."
        let pieces = RestylePiece.split(Array(repeating: sentence, count: 13).joined(separator: " "))
        #expect(pieces.map { $0.text.split(separator: " ").count } == [60, 60, 10])
    }

    @Test func abbreviationsAndInitialsEndNoSentence() {
        let sentences = RestylePiece.sentences("Mr. J. Hale pays e.g. rent. [1] \"Does he?\" Yes.").map(\.text)
        #expect(sentences == ["Mr. J. Hale pays e.g. rent. [1]", "\"Does he?\"", "Yes."])
    }
}

@Suite struct RestylePairsTests {
    @Test(arguments: [
        ("The key is under the mat.", "the key is under the mat", 1.0),
        ("The text is: the key is under the mat", "The key is under the mat.", 4.0 / 7),
        ("Don't go there now", "Dont go there, now!", 1), ("He left it below.", "The key is under the mat.", 0), ("", "The key", 0),
        ("The key", "The key", 1), ("A key", "The key", 0),
    ]) func whatIsCopiedIsCounted(plain: String, own: String, share: Double) {
        #expect(RestylePairs.Pair(plain: plain, own: own).copied == share)
    }
}

@Suite struct RestyleFactsTests {
    @Test func whatIsAllThereLosesNothing() {
        #expect(
            RestyleFacts.lost(
                "The shop opens at 10:30 on Mondays for 1,200 people.", "On Mondays come at 10:30, my friend, and 1200 people with thee.") == [])
        #expect(RestyleFacts.lost("It costs three pounds.", "Arr, 3 pounds it be.") == [])
        #expect(RestyleFacts.lost("You may not enter.", "Enter never, thou.") == [])
    }

    @Test(arguments: [
        ("It opens at 9.", "It opens at dawn.", ["9"]), ("Pay 5 pounds.", "Pay 5 pounds and 40 pence.", ["+40"]),
        ("We met Marta in Graz.", "We met her there.", ["Marta", "Graz"]), ("Closed on friday.", "Closed, alas.", ["friday"]),
        ("He said \"come in\" at once.", "He bade us enter.", ["come in"]),
        ("See https://a.example/b?c=1.", "See that page.", ["https://a.example/b?c=1"]),
        ("Run `make test` now.", "Run the tests now.", ["make test"].map { "`\($0)`" }), ("Do not touch it.", "Touch it, pray.", ["a negation"]),
        ("Touch it.", "Touch it not.", ["+a negation"]), ("Ask NASA first.", "Ask them first.", ["NASA"]),
        ("Use the iPhone there.", "Use the telephone there.", ["iPhone"]), ("It took forty-two days.", "It took many days.", ["2", "40"]),
    ]) func whatIsLostIsNamed(_ original: String, _ restyled: String, _ lost: [String]) {
        #expect(RestyleFacts.lost(original, restyled) == lost)
    }

    @Test func theFirstWordOfASentenceIsNoName() {
        #expect(RestyleFacts.names("Bring wood. The kiln of Marta's is hot. I'm sure I said so.") == ["Marta"])
    }

    @Test func citationMarksSurviveWhateverBecomesOfTheText() {
        let (text, marks) = CitationMarks.removed(from: "Soup costs 3 pounds [2]. Bread is free [1][2].")
        #expect(text == "Soup costs 3 pounds. Bread is free." && marks == ["[2]", "[1]"])
        #expect(CitationMarks.restored(marks, to: "Three pounds, good sir.") == "Three pounds, good sir. [2][1]")
        #expect(CitationMarks.restored([], to: "Nothing.") == "Nothing.")
    }

    @Test func meaningIsMeasuredBetweenTheReleasesOwnFloorAndCeiling() {
        var profile = RestyleProfile(floor: 0.4, ceiling: 0.8, embedder: "e", paraphraser: "p", pairs: 9)
        #expect(abs(profile.meaning(cosine: 0.6) - 0.5) < 1e-9 && profile.meaning(cosine: 0.4) == 0 && profile.meaning(cosine: 0.9) > 1)
        // An embedder that cannot tell the two apart proves nothing.
        profile.floor = 0.8
        #expect(profile.meaning(cosine: 0.99) == 0)
    }
}
