import Domain
import Foundation
import Knowledge
import Providers
import Store
import Testing

@testable import Releases
@testable import Training

@Suite struct MeasuresTests {
    private let bootstrap = Bootstrap(resamples: 200)
    private let passage = Passage(
        chunkID: "c", document: "handbook/printers.md", title: "3D printers", headings: [], text: "A print may take 14 hours at most.", startByte: 0,
        endByte: 34, score: 1, signals: [])

    /// Four questions about the documents: base knows nothing, knowledge is right on three and cites rightly on two.
    private func results() -> ArmResults {
        var question = EvaluationQuestion(kind: .knowledge, messages: [ChatMessage(.user, "How long may a print take?")])
        question.fact = "14 hours"
        question.sources = ["printers.md": 1]
        var results = ArmResults(Array(repeating: question, count: 4))
        let replies = ["It may take 14 hours [1].", "At most 14 hours [1].", "I think 14 hours.", "It may take 15 hours [1]."]
        for place in 0..<4 {
            results[.base, place] = ArmAnswer(text: "It depends on Professor Müller.", milliseconds: 100, cost: 0.001)
            results[.knowledge, place] = ArmAnswer(
                text: replies[place], passages: place == 3 ? [] : [passage], milliseconds: Double(place + 1) * 100, cost: place == 0 ? nil : 0.002)
        }
        return results
    }

    @Test func factsHitsCitationsAndGroundsAreCounted() async throws {
        let measures = KnowledgeMeasures(grounding: Grounding(embedder: nil), bootstrap: bootstrap)
        let metrics = try await measures.answers(results())
        func metric(_ name: EvaluationMetric.Name, _ arm: EvaluationArm) -> EvaluationMetric? { metrics.first { $0.name == name && $0.arm == arm } }
        let facts = try #require(metric(.factRate, .knowledge))
        #expect(facts.value == 0.75 && facts.n == 4 && facts.low! < 0.75 && facts.high == 1)
        #expect(metric(.factRate, .base)?.value == 0)
        #expect(metric(.hitRate, .knowledge)?.value == 0.75 && metric(.hitRate, .base) == nil)
        let citations = try #require(metric(.citationCorrectness, .knowledge))
        #expect(citations.value == 1 && citations.n == 2, "a mark without a passage is none")
        #expect(metric(.groundedness, .base)?.value == 0)
        #expect(metric(.groundedness, .knowledge)!.value! > 0.5)
    }

    @Test func retrievalIsAMeanOverQuestions() {
        let metrics = KnowledgeMeasures(grounding: Grounding(embedder: nil), bootstrap: bootstrap)
            .retrieval([.init(ndcg: 1, reciprocalRank: 1), .init(ndcg: 0, reciprocalRank: 0.25)])
        #expect(metrics.map(\.name) == [.ndcg, .mrr] && metrics.map(\.value) == [0.5, 0.625] && metrics.allSatisfy { $0.n == 2 })
    }

    @Test func anUnknownCostIsNullAndNotZero() throws {
        let metrics = CommonMeasures(bootstrap: bootstrap).costs(results())
        let unknown = try #require(metrics.first { $0.name == .cost && $0.arm == .knowledge })
        #expect(unknown.value == nil && unknown.n == 4)
        #expect(String(decoding: try JSONEncoder.api.encode(unknown), as: UTF8.self).contains(#""value":null"#))
        #expect(abs(metrics.first { $0.name == .cost && $0.arm == .base }!.value! - 0.001) < 1e-12)
        #expect(metrics.first { $0.name == .latency && $0.arm == .knowledge }?.value == 250)
        #expect(metrics.first { $0.name == .latencyP95 && $0.arm == .knowledge }!.value! > 380)
    }

    @Test func whatWasPutIntoTheVoiceIsCountedByPieces() throws {
        var results = results()
        for (place, pieces) in [[true, false, false], [true], [], nil].enumerated() {
            results[.hybridRestyleLast, place] = ArmAnswer(text: "It may take 14 hours.", restyled: pieces)
        }
        let metric = try #require(CommonMeasures(bootstrap: bootstrap).restyled(results).first)
        #expect(metric.arm == .hybridRestyleLast && metric.value == 0.5 && metric.n == 4 && metric.unit == "share")
        #expect(CommonMeasures(bootstrap: bootstrap).restyled(results).count == 1, "other arms restyle nothing")
    }

    @Test func perplexityComesFromTheTrainersOwnLossesWithAnInterval() throws {
        let losses = HeldOutLosses(examples: (1...10).map { .init(tokens: 10, base: 40 + Double($0), adapter: 20 + Double($0)) })
        let voice = VoiceMeasures(replies: HeldOutReplies(), losses: losses, answersLocally: true, bootstrap: bootstrap).perplexity()
        #expect(voice.map(\.arm) == [.base, .voice])
        #expect(abs(voice[0].value! - exp(4.55)) < 1e-9 && abs(voice[1].value! - exp(2.55)) < 1e-9)
        #expect(voice.allSatisfy { $0.n == 10 && $0.low! < $0.value! && $0.value! < $0.high! })
    }

    @Test func theVoiceArmScoresAboveBaseAndTheHybridsKeepAShare() throws {
        let keeper = SampleReplies.keeper
        var replies = HeldOutReplies()
        replies.training = Array(keeper.prefix(90))
        replies.heldOut = Array(keeper[90..<100])
        var results = ArmResults((0..<8).map { EvaluationQuestion(kind: .voice, messages: [ChatMessage(.user, "q\($0)")]) })
        for place in 0..<8 {
            let plain = OtherVoices.bundled[7][place]
            results[.base, place] = ArmAnswer(text: plain)
            results[.voice, place] = ArmAnswer(text: keeper[100 + place], draft: keeper[110 + place])
            // Half of the answers lose the voice on the way.
            results[.hybridDraftFirst, place] = ArmAnswer(text: place % 2 == 0 ? keeper[100 + place] : plain, draft: keeper[110 + place])
        }
        let (metrics, notes) = VoiceMeasures(replies: replies, losses: nil, answersLocally: false, bootstrap: bootstrap).style(results)
        func value(_ name: EvaluationMetric.Name, _ arm: EvaluationArm) -> Double { metrics.first { $0.name == name && $0.arm == arm }?.value ?? -9 }
        #expect(
            value(.styleScore, .voice) > value(.styleScore, .hybridDraftFirst) && value(.styleScore, .hybridDraftFirst) > value(.styleScore, .base))
        #expect(value(.styleRetention, .voice) > 0.8)
        #expect((0.1..<0.95).contains(value(.styleRetention, .hybridDraftFirst)), "\(metrics)")
        #expect(notes.isEmpty)
    }

    @Test func retentionIsUndefinedWithoutAGainAndTheNoteSaysSo() {
        let keeper = SampleReplies.keeper
        var replies = HeldOutReplies()
        replies.training = Array(keeper.prefix(90))
        replies.heldOut = Array(keeper[90..<100])
        var results = ArmResults((0..<6).map { EvaluationQuestion(kind: .voice, messages: [ChatMessage(.user, "q\($0)")]) })
        for place in 0..<6 {
            results[.base, place] = ArmAnswer(text: keeper[100 + place])
            results[.voice, place] = ArmAnswer(text: keeper[110 + place], draft: OtherVoices.bundled[7][place])
        }
        let (metrics, notes) = VoiceMeasures(replies: replies, losses: nil, answersLocally: false, bootstrap: bootstrap).style(results)
        #expect(!metrics.contains { $0.name == .styleRetention } && notes.count == 1 && notes[0].contains("undefined"))
    }

    @Test func theTableShowsEveryFigureWithItsIntervalAndN() {
        var evaluation = ReleaseEvaluation()
        evaluation.metrics = [
            EvaluationMetric(.styleScore, .base, value: 0.034, low: -0.4, high: 0.3, n: 12, unit: "score"),
            EvaluationMetric(.cost, .voice, value: nil, n: 12, unit: "usd"),
        ]
        evaluation.notes = ["a note"]
        let text = EvaluationTable(evaluation).description
        #expect(text.contains("0.03 [-0.40, 0.30] n 12") && text.contains("unknown (n 12)") && text.hasSuffix("- a note"))
    }
}
