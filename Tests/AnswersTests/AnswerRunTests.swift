import Calls
import Domain
import Foundation
import Providers
import Store
import Synchronization
import TestMeters
import Testing

@testable import Answers

/// The one way to answer: direct and in full, whole and streamed, paid for however it ends.
@Suite struct AnswerRunTests {
    /// What a run told, in its order.
    private final class Told: Sendable {
        private let events = Mutex<[String]>([])
        var all: [String] { events.withLock { $0 } }

        @Sendable func add(_ event: AnswerEvent) async {
            let text: String? =
                switch event {
                case .stage(let timing): "\(timing.stage) \(timing.status)"
                case .reply(.text(let text)): text
                case .reply: nil
                }
            if let text { events.withLock { $0.append(text) } }
        }
    }

    @Test(arguments: [false, true]) func aDirectMinionIsAnsweredByItsModelAlone(stream: Bool) async throws {
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([acme]) { fixture in
            let minion = try await fixture.minion("acme") { $0.pipeline.mode = .direct }
            let told = Told()
            let run = try await fixture.pipeline.admit(minion, fixture.question(stream: stream))
            #expect(run.isDirect)
            let answer = try await run.answer(onEvent: told.add)
            #expect(answer.text == "Because." && answer.provider == "acme" && answer.model == "said" && answer.degraded.isEmpty)
            #expect(told.all == ["retrieve skipped", "draft skipped", "Because.", "answer ok"])
            #expect(acme.requests.map(\.messages) == [[ChatMessage(.system, "Be brief."), ChatMessage(.user, "Why?")]])
            #expect(acme.requests[0].sampling.maxTokens == nil)
            let records = try await fixture.records()
            #expect(records.count == 1 && records[0].inputTokens == 5 && records[0].answerID == nil && records[0].purpose == "answer")
            await #expect(throws: StoreError.self) { try await fixture.rows.answer(answer.id) }
        }
    }

    @Test(arguments: [false, true]) func anAnswerInFullTellsEveryStageAndIsKept(stream: Bool) async throws {
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([acme]) { fixture in
            let minion = try await fixture.minion("acme")
            let told = Told()
            let answer = try await fixture.pipeline.admit(minion, fixture.question(stream: stream)).answer(onEvent: told.add)
            #expect(told.all == ["retrieve skipped", "draft skipped", "compose ok", "Because.", "answer ok"])
            #expect(answer.trace.stages.map(\.stage) == ["retrieve", "draft", "compose", "answer"])
            #expect(answer.trace.order == .draftFirst && answer.trace.tokens.input == 5)
            #expect(acme.requests[0].sampling.maxTokens == ModelStage.defaultMaxTokens)
            let kept = try await fixture.rows.answer(answer.id)
            #expect(kept.answer == "Because." && kept.question == "Why?")
            #expect(try await fixture.records().map(\.answerID) == [answer.id])
        }
    }

    @Test func whatTheQuestionLeavesOpenIsTheMinions() async throws {
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([acme]) { fixture in
            let minion = try await fixture.minion("acme") {
                $0.pipeline.mode = .direct
                $0.sampling = Sampling(temperature: 0.3, maxTokens: 77, seed: 5)
            }
            var question = fixture.question()
            question.sampling = Sampling(temperature: 1)
            _ = try await fixture.pipeline.admit(minion, question).answer()
            #expect(acme.requests[0].sampling == Sampling(temperature: 1, maxTokens: 77, seed: 5))
        }
    }

    @Test(arguments: [PipelineSettings.Mode.direct, .full]) func theNextProviderAnswersAndTheFirstIsToldOf(mode: PipelineSettings.Mode) async throws {
        let broken = SaidProvider("broken", [.failure(ProviderError(.serverError, provider: "broken", status: 500, message: "out of order"))])
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([broken, acme]) { fixture in
            let minion = try await fixture.minion("broken") {
                $0.pipeline.mode = mode
                $0.fallbacks = [ModelRoute(provider: "acme", model: "other")]
            }
            let answer = try await fixture.pipeline.admit(minion, fixture.question()).answer()
            #expect(answer.provider == "acme" && answer.degraded.map(\.stage) == ["answer"])
            #expect(answer.degraded[0].reason.contains("out of order"))
            #expect(try await fixture.records().map(\.outcome) == ["server_error", "ok"])
        }
    }

    @Test func whereNobodyAnswersTheErrorNamesEveryAttemptAndNothingStaysReserved() async throws {
        let broken = SaidProvider("broken", [.failure(ProviderError(.serverError, provider: "broken", status: 500, message: "out of order"))])
        try await AnswerFixture.run([broken]) { fixture in
            try await fixture.rows.setLimits(.having { $0.concurrentRequests = 5 }, for: .own)
            let minion = try await fixture.minion("broken")
            let error = try await #require(throws: RouterError.self) {
                _ = try await fixture.pipeline.admit(minion, fixture.question()).answer()
            }
            #expect(error.attempts.map(\.provider) == ["broken"])
            #expect(try await fixture.reserved() == 0)
            // One that is admitted and given up frees its place as well.
            _ = try await fixture.pipeline.admit(minion, fixture.question())
            #expect(try await fixture.reserved() == 0)
        }
    }

    @Test func aMinionWithoutAProviderSaysWhich() async throws {
        try await AnswerFixture.run([]) { fixture in
            let minion = try await fixture.minion("gone")
            let error = try await #require(throws: RouterError.self) {
                _ = try await fixture.pipeline.admit(minion, fixture.question()).answer()
            }
            #expect(error.last.message == "there is no provider \"gone\"")
        }
    }

    @Test(arguments: [PipelineSettings.Mode.direct, .full]) func aCachedAnswerIsToldAgainAndCostsNothing(mode: PipelineSettings.Mode) async throws {
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([acme]) { fixture in
            let minion = try await fixture.minion("acme") {
                $0.pipeline.mode = mode
                $0.pipeline.cache = .always
            }
            _ = try await fixture.pipeline.admit(minion, fixture.question()).answer()
            let told = Told()
            let again = try await fixture.pipeline.admit(minion, fixture.question(stream: true)).answer(onEvent: told.add)
            #expect(again.cached == true && again.text == "Because." && acme.requests.count == 1)
            #expect(told.all == ["cache ok", "Because."])
            #expect(try await fixture.records().map(\.outcome) == ["ok", "cache_hit"])
            #expect(Completion(again).usage == TokenUsage(input: 0, output: 0))
        }
    }

    @Test func ofADirectConversationTheCacheHoldsTheReplyAlone() async throws {
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([acme]) { fixture in
            let minion = try await fixture.minion("acme") {
                $0.pipeline.mode = .direct
                $0.pipeline.cache = .always
                // One that cannot be asked keeps nothing out of the cache.
                $0.fallbacks = [ModelRoute(provider: "gone", model: "m")]
            }
            let question = fixture.question("A secret?")
            _ = try await fixture.pipeline.admit(minion, question).answer()
            let entry = try #require(await fixture.pipeline.cache.entry(for: minion, question.asCacheKey, temperature: nil))
            let body = try #require(try await fixture.rows.cachedReply(entry.hash, minionID: minion.id)).body
            #expect(body.contains("Because.") && !body.contains("A secret?") && !body.contains("Be brief."))
            let again = try await fixture.pipeline.admit(minion, question).answer()
            #expect(again.cached == true && again.trace.prompt.map(\.content) == ["Be brief.", "A secret?"])
        }
    }

    @Test(arguments: [false, true]) func aCallerWhoLeavesEndsTheCall(stream: Bool) async throws {
        // Never answers.
        let acme = SaidProvider("acme", [])
        try await AnswerFixture.run([acme]) { fixture in
            let minion = try await fixture.minion("acme") { $0.pipeline.mode = .direct }
            let run = try await fixture.pipeline.admit(minion, fixture.question(stream: stream))
            let task = Task { try await run.answer() }
            while acme.requests.isEmpty { await Task.yield() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await fixture.records().map(\.outcome) == [Attempt.cancelled])
        }
    }

    /// As docs/architecture.md says it: a file, and a line in the pipeline's list.
    @Test(arguments: [false, true]) func aStageThatIsAddedIsToldAndMayFailWithoutTheAnswer(fails: Bool) async throws {
        struct WeatherStage: GatheringStage {
            let fails: Bool
            var name: String { "weather" }
            var effect: String { "the answer does not know the weather" }
            var lacks: Degradation.Half? { nil }
            var isToldWhereSkipped: Bool { true }
            func applies(to plan: AnswerPlan) -> Bool { plan.form == .full }
            func gather(_ context: AnswerContext) async throws -> @Sendable (inout Trace) -> Void {
                if fails { throw ProviderError(.connection, provider: "sky", message: "cloudy") }
                return { $0.voiceExamples = [VoiceExample(message: "How is it?", reply: "It rains.", similarity: 1)] }
            }
        }
        let acme = SaidProvider("acme", [SaidProvider.saying("Because.")])
        try await AnswerFixture.run([acme]) { fixture in
            var pipeline = fixture.pipeline
            pipeline.gathering.append(WeatherStage(fails: fails))
            let told = Told()
            let answer = try await pipeline.admit(fixture.minion("acme"), fixture.question()).answer(onEvent: told.add)
            #expect(told.all.contains("weather \(fails ? "failed" : "ok")"))
            #expect(answer.text == "Because.")
            #expect(acme.requests[0].messages.contains { $0.content.contains("It rains.") } == !fails, "what it found reaches the model")
            #expect(answer.degraded.map(\.effect) == (fails ? ["the answer does not know the weather"] : []))
        }
    }
}
