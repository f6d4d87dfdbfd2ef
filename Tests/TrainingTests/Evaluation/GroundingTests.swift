import Domain
import Foundation
import Knowledge
import Providers
import Testing

@testable import Answers
@testable import Training

@Suite struct GroundingTests {
    private let passage = Passage(
        chunkID: "c1", document: "printers.md", title: "3D printers", headings: ["Long prints"],
        text: "A print may take 14 hours at most. Longer ones need leave from Greta Lindqvist, who answers within 2 days.", startByte: 0,
        endByte: 100,
        score: 1, signals: [])
    private let other = Passage(
        chunkID: "c2", document: "hours.md", title: "Opening hours", headings: [], text: "On Owl Night the doors close at 00:30.", startByte: 0,
        endByte: 40, score: 1, signals: [])

    private func answer(_ text: String) -> ArmAnswer { ArmAnswer(text: text, passages: [passage, other]) }

    @Test(arguments: [
        ("A print may take 14 hours at most.", 1, 1), ("A print may take 15 hours at most.", 0, 1),
        ("Longer prints need leave from Greta Lindqvist.", 1, 1), ("Longer prints need leave from Herbert Lindqvist.", 0, 1),
        ("The membership costs thirty pounds every month.", 0, 1), ("Aye, friend!", 0, 0),
        ("Aye, friend! A print may take 14 hours. It rains often in October near harbours.", 1, 2),
        // Both facts are there, but in no one passage.
        ("A print may take 14 hours until 00:30.", 0, 1),
    ])
    func aSentenceIsSupportedByAPassageThatHoldsItsFactsAndItsWords(_ text: String, _ supported: Int, _ claims: Int) async throws {
        let found = try await Grounding(embedder: nil).run(text, passages: [passage, other])
        #expect(found.supported == supported && found.of == claims)
    }

    @Test(arguments: [
        ("A print may take 14 hours [1].", 1, 1), ("A print may take 14 hours [2].", 0, 1), ("A print may take 14 hours. [1]", 1, 1),
        ("A print may take 15 hours [1].", 0, 1), ("A print may take 14 hours [1][2].", 1, 2), ("A print may take 14 hours.", 0, 0),
        ("A print may take 14 hours [1]. The doors close at 00:30 [2].", 2, 2), ("Ask at the desk downstairs [1].", 0, 1),
    ])
    func aCitationIsRightWhenItsPassageHoldsWhatTheSentenceSays(_ text: String, _ right: Int, _ count: Int) {
        let found = Grounding.citations(answer(text), fact: "14 hours")
        #expect(found.right == right && found.of == count, "\(Claims.marked(text))")
    }

    @Test func factsAreNumbersAndNames() {
        #expect(Claims.facts("Ask Greta Lindqvist before 18:00, it costs £1,200.50.") == ["greta", "lindqvist", "18:00", "1200.50"])
        #expect(Claims.facts("The door is open.") == [])
    }

    @Test func retrievalIsMeasuredOverDocumentsNotChunks() {
        var question = EvaluationQuestion(kind: .knowledge, messages: [ChatMessage(.user, "q")])
        question.sources = ["kiln.md": 1]
        #expect(RetrievalCheck.measure(["a.md", "a.md", "folder/kiln.md"], question) == .init(ndcg: 1 / log2(3), reciprocalRank: 0.5))
        #expect(RetrievalCheck.measure(["kiln.md"], question) == .init(ndcg: 1, reciprocalRank: 1))
        #expect(RetrievalCheck.measure(["limekiln.md"], question) == .init(ndcg: 0, reciprocalRank: 0))
    }

    @Test func aMadeQuestionMustAskForTheFactWithoutTellingIt() {
        let sentence = "A print may take 14 hours at most."
        func accepted(_ reply: String) -> String? { QuestionMaker.accepted(reply, fact: "14 hours", sentence: sentence) }
        #expect(accepted("Question: How long may a print take at most?") == "How long may a print take at most?")
        #expect(accepted("\"How long may a print take at most?\" Because …") == "How long may a print take at most?")
        #expect(accepted("May a print take 14 hours at most?") == nil)
        #expect(accepted("How old are you today then?") == nil, "it is not about the sentence")
        #expect(accepted("A print may take long.") == nil)
        #expect(accepted("Print?") == nil)
    }

    @Test func questionsAreReadWithTheirFactsAndSources() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "questions-\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(
            """
            {"question":"How long?","page":"3d-printers.md","answer":"14 hours"}
            {"question":"Which?","sources":[{"document":"184","relevance":3},"29"]}
            {"question":"Nothing known"}
            {"text":"no question"}
            not json
            """.utf8
        ).write(to: file)
        let questions = try QuestionFile.read(file)
        #expect(questions.count == 2)
        #expect(questions[0].fact == "14 hours" && questions[0].relevance(of: "handbook/3d-printers.md") == 1)
        #expect(questions[1].sources == ["184": 3, "29": 1] && questions[1].relevance(of: "184") == 3)
    }

    @Test func aFileIsReadAsFarAsItMayBeAndACutLineIsLeftOut() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "lines-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("one\ntwo\nthree".utf8).write(to: file)
        func lines(_ bytes: Int) throws -> [String] { try BoundedLines.read(file, bytes: bytes).map { String(decoding: $0, as: UTF8.self) } }
        #expect(try lines(100) == ["one", "two", "three"])
        #expect(try lines(6) == ["one"])
        #expect(try lines(8) == ["one", "two"])
    }
}
