import Domain
import Providers
import Store
import TestMeters
import Testing

@testable import Training

@Suite struct PairwiseJudgeTests {
    private let route = ModelRoute(provider: "openai", model: "judge-1")

    private func withMinion(_ body: (Minion) async throws -> Void) async throws {
        try await MeteredStore.run { metered in
            try await body(
                try await metered.user().createMinion(
                    MinionDraft(
                        name: "Wick", displayName: "Wick", provider: "custom", modelID: "vendor/Big-7B", baseURL: "http://127.0.0.1:9/v1",
                        systemPrompt: "system", fallbacks: [ModelRoute(provider: "openai", model: "gpt-4o")])))
        }
    }

    private func verdict(_ answers: ScriptedAnswers, _ minion: Minion) async throws -> PairwiseJudge.Verdict? {
        try await PairwiseJudge(answers: answers, judge: route)
            .compare("good answer", "poor answer", question: "q", samples: ["my reply"], facts: [], minion)
    }

    @Test func aJudgeWhoPrefersAnAnswerInBothOrdersHasAVerdict() async throws {
        try await withMinion { minion async throws in
            let answers = ScriptedAnswers { asked in
                let text = asked.question.messages.last!.content
                let first = text.range(of: "good answer")!.lowerBound < text.range(of: "poor answer")!.lowerBound
                return "Here: {\"winner\": \"\(first ? "A" : "B")\"}"
            }
            #expect(try await verdict(answers, minion) == .first)
            #expect(answers.asked.count == 2 && answers.asked.allSatisfy { $0.model == "judge-1" && $0.purpose == "evaluation" })
            #expect(answers.asked.allSatisfy { $0.question.messages.last!.content.contains("my reply") })
        }
    }

    @Test func aJudgeWhoPrefersAPlaceGivesATie() async throws {
        try await withMinion { minion async throws in
            #expect(try await verdict(ScriptedAnswers { _ in #"{"winner":"A"}"# }, minion) == .tie)
            #expect(try await verdict(ScriptedAnswers { _ in #"{"winner":"B"}"# }, minion) == .tie)
        }
    }

    @Test func aReplyWithoutAVerdictIsNone() async throws {
        try await withMinion { minion async throws in
            for reply in ["A", "", #"{"winner":"C"}"#, #"{"best":"A"}"#] {
                #expect(try await verdict(ScriptedAnswers { _ in reply }, minion) == nil)
            }
        }
    }

    @Test func aModelThatWritesTheAnswersMustNotJudgeThem() async throws {
        try await withMinion { minion async throws in
            func refusal(_ provider: String, _ model: String) -> String? {
                EvaluationJudge.refusal(ModelRoute(provider: provider, model: model), minion)
            }
            #expect(refusal("openai", "gpt-4o-mini") == nil)
            for (provider, model) in [
                ("custom", "vendor/Big-7B"), ("together", "big-7b"), ("openrouter", "openai/gpt-4o"), ("local", "anything"),
                ("ollama", "smollm2-135m-instruct"),
            ] {
                #expect(refusal(provider, model)?.contains("must not judge") == true, "\(provider)/\(model)")
            }
        }
    }

    @Test func aRoundCountsWinsTiesAndWhatItCosts() async throws {
        try await withMinion { minion async throws in
            var results = ArmResults((0..<3).map { EvaluationQuestion(kind: .voice, messages: [ChatMessage(.user, "q\($0)")], reference: "secret") })
            for place in 0..<3 {
                results[.base, place] = ArmAnswer(text: "base \(place)")
                results[.voice, place] = ArmAnswer(text: "voice \(place)")
            }
            // Wins the first, loses the second, ties the third.
            let answers = ScriptedAnswers { asked in
                let text = asked.question.messages.last!.content
                let voiceIsFirst = text.range(of: "voice ")!.lowerBound < text.range(of: "base ")!.lowerBound
                if text.contains("q0") { return "{\"winner\":\"\(voiceIsFirst ? "A" : "B")\"}" }
                if text.contains("q1") { return "{\"winner\":\"\(voiceIsFirst ? "B" : "A")\"}" }
                return #"{"winner":"tie"}"#
            }
            let round = JudgeRound(
                judge: PairwiseJudge(answers: answers, judge: route), minion: minion, samples: ["my reply"], deadline: .now + .seconds(60))
            let estimate = try await round.estimate(.voice, results)
            #expect(estimate.calls == 6 && abs(estimate.cost! - 0.06) < 1e-9)
            #expect(try await round.run(.voice, results).wins == [1, 0, 0.5])
            #expect(!answers.asked.contains { $0.question.messages.contains { $0.content.contains("secret") } })
        }
    }
}
