import Domain
import Foundation
import LocalModels
import Providers
import Store
import TestMeters
import TestSupport
import Testing

@testable import Calls
@testable import Training

@Suite struct ArmRunnerTests {
    private let arms: [EvaluationArm] = [.base, .voice]

    private func questions(_ count: Int) -> [EvaluationQuestion] {
        (0..<count).map { EvaluationQuestion(kind: .voice, messages: [ChatMessage(.user, "question \($0)")], reference: "secret reply \($0)") }
    }

    private func runner(
        _ answers: any Answering, _ minion: Minion, _ folder: URL, settings: EvaluationSettings = .init(), identity: [String] = ["adapter"],
        within: Duration = .seconds(60)
    ) -> ArmRunner {
        ArmRunner(
            answers: answers, minion: minion, materials: .init(voice: VoiceAdapter(id: "a", baseModel: "b", folder: folder)), arms: arms,
            settings: settings, seed: 7, keeper: AnswerKeeper(folder: folder), identity: identity, deadline: .now + within)
    }

    private func withMinion(_ body: (Minion, URL) async throws -> Void) async throws {
        try await MeteredStore.run { metered in
            let minion = try await metered.user().createMinion(
                MinionDraft(name: "Wick", displayName: "Wick", provider: "custom", modelID: "big", baseURL: "http://127.0.0.1:9/v1"))
            try await body(minion, metered.folder)
        }
    }

    @Test func everyArmAnswersEveryQuestionOnceAndProgressIsCounted() async throws {
        try await withMinion { minion, folder async throws in
            let answers = ScriptedAnswers { $0.materials.voice == nil ? "plain" : "in the voice" }
            let counts = Counted()
            let (results, notes) = try await runner(answers, minion, folder).run(questions(3)) { counts.add($0, $1) }
            #expect(notes.isEmpty && answers.asked.count == 6 && answers.asked.allSatisfy { $0.purpose == "evaluation" })
            #expect(results.answered(.base).map(\.answer.text) == ["plain", "plain", "plain"])
            #expect(results.answered(.voice).map(\.answer.text) == ["in the voice", "in the voice", "in the voice"])
            #expect(counts.all.map(\.0) == [1, 2, 3, 4, 5, 6] && counts.all.allSatisfy { $0.1 == 6 })
            #expect(answers.asked.map(\.question.order) == Array(repeating: [.externalOnly, .draftFirst], count: 3).flatMap { $0 })
        }
    }

    /// Trap: what is held out reaches no prompt.
    @Test func noReplyOfTheHeldOutSplitIsInAPrompt() async throws {
        try await withMinion { minion, folder async throws in
            let answers = ScriptedAnswers { _ in "answer" }
            _ = try await runner(answers, minion, folder).run(questions(4)) { _, _ in }
            #expect(!answers.asked.contains { $0.question.messages.contains { $0.content.contains("secret reply") } })
        }
    }

    @Test func whatWasAnsweredIsNotAskedAgainUnlessItWouldBeAnotherAnswer() async throws {
        try await withMinion { minion, folder async throws in
            // Interrupted in the third question.
            let first = ScriptedAnswers { asked in
                if asked.question.text == "question 2" { throw CancellationError() }
                return "first"
            }
            await #expect(throws: CancellationError.self) { try await runner(first, minion, folder).run(questions(3)) { _, _ in } }
            let second = ScriptedAnswers { _ in "second" }
            let (results, _) = try await runner(second, minion, folder).run(questions(3)) { _, _ in }
            #expect(second.asked.map(\.question.text) == ["question 2", "question 2"])
            #expect(results.answered(.voice).map(\.answer.text) == ["first", "first", "second"])

            for (settings, identity) in [(EvaluationSettings.having { $0.maxTokens = 20 }, ["adapter"]), (.init(), ["another adapter"])] {
                let other = ScriptedAnswers { _ in "other" }
                _ = try await runner(other, minion, folder, settings: settings, identity: identity).run(questions(3)) { _, _ in }
                #expect(other.asked.count == 6)
            }
            var changed = minion
            changed.systemPrompt = "Be brief."
            let other = ScriptedAnswers { _ in "other" }
            _ = try await runner(other, changed, folder).run(questions(3)) { _, _ in }
            #expect(other.asked.count == 6)
        }
    }

    @Test func anArmThatFailsTwiceIsGivenUpAndTheOthersGoOn() async throws {
        try await withMinion { minion, folder async throws in
            let answers = ScriptedAnswers { asked in
                if asked.materials.voice != nil { throw Unreachable() }
                return "plain"
            }
            let (results, notes) = try await runner(answers, minion, folder).run(questions(4)) { _, _ in }
            #expect(results.arms == [.base] && results.answered(.base).count == 4)
            #expect(answers.asked.count { $0.materials.voice != nil } == ArmRunner.failuresAtMost)
            #expect(notes.count == 1 && notes[0].hasPrefix("voice was given up"))
        }
    }

    @Test func noQuestionIsBegunAfterTheTimeIsUp() async throws {
        try await withMinion { minion, folder async throws in
            let answers = ScriptedAnswers { _ in "answer" }
            let (results, notes) = try await runner(answers, minion, folder, within: .zero).run(questions(3)) { _, _ in }
            // The one that was begun is whole: every arm has it.
            #expect(answers.asked.count == 2 && results.answered(.base).count == 1 && results.answered(.voice).count == 1)
            #expect(notes == ["The time of 90 s was up after 1 of 3 questions."])
        }
    }

    @Test func aBudgetEndsItAndKeepsWhatIsThere() async throws {
        try await withMinion { minion, folder async throws in
            let answers = ScriptedAnswers { asked in
                if asked.question.text == "question 1" {
                    throw LimitExceeded(scope: .user, what: .costPerDay, limit: 1, used: 1, asked: 0.1)
                }
                return "answer"
            }
            let (results, notes) = try await runner(answers, minion, folder).run(questions(3)) { _, _ in }
            #expect(results.answered(.base).count == 1 && answers.asked.count == 3)
            #expect(notes.count == 1 && notes[0].contains("cost_per_day"))
        }
    }

    @Test func armsFollowFromWhatTheJobMade() {
        let voice = VoiceAdapter(id: "a", baseModel: "b", folder: URL(filePath: "/tmp"))
        #expect(EvaluationArm.arms(.init(voice: voice), restyles: true) == [.base, .voice])
        #expect(EvaluationArm.arms(.init(), restyles: false) == [.base])
        #expect(EvaluationArm.base.materials(.init(voice: voice)).voice == nil)
        #expect(EvaluationArm.voice.materials(.init(voice: voice)).voice != nil)
    }
}

private final class Counted: @unchecked Sendable {
    var all: [(Int, Int)] = []
    func add(_ done: Int, _ total: Int) { all.append((done, total)) }
}
