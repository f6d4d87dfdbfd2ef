import Domain
import Foundation
import Knowledge
import LocalModels
import Providers
import Store
import Testing

@testable import Answers
@testable import Calls
@testable import Training

/// What is decided by a failure is decided by its type, never by its words.
@Suite struct FailureTests {
    private func failure(_ error: any Error) -> JobFailure { JobFailure(stage: "collection", error: error) }

    /// A killed embedder was told as `embedder_died`, and the list of what is tried again knew `embedder`.
    @Test(arguments: LocalModelError.Code.allCases)
    func aFailureOfAChildKeepsItsCodeAndWhetherItMayPass(_ code: LocalModelError.Code) {
        let failure = failure(LocalModelError(code: code, message: "m", hint: "h"))
        #expect(failure.code == code.rawValue)
        #expect(failure.isTransient == code.isTransient)
    }

    @Test(arguments: [.embedderDied, .parserDied, .trainerDied, .serverFailed, .engineStopped, .outOfMemory, .diskFull] as [LocalModelError.Code])
    func aProcessThatDiedMayLiveTheNextTime(_ code: LocalModelError.Code) { #expect(failure(LocalModelError(code: code, message: "m")).isTransient) }

    @Test(arguments: [.embedderFailed, .engineMissing, .datasetInvalid, .nanLoss, .internal] as [LocalModelError.Code])
    func whatIsWrongInItselfIsNotTriedAgain(_ code: LocalModelError.Code) { #expect(!failure(LocalModelError(code: code, message: "m")).isTransient) }

    @Test func othersFailuresSayItOfThemselves() {
        func provider(_ kind: ProviderError.Kind) -> ProviderError { ProviderError(kind, provider: "p", message: "m") }
        let passing: [any Error] = [
            KnowledgeError.buildBusy(collection: "c"), KnowledgeError.diskFull(what: "w"), DatabaseError.unavailable("x"), POSIXError(.ENOSPC),
            provider(.rateLimited), provider(.timeout), provider(.connection), RouterError(attempts: [], last: provider(.overloaded)),
        ]
        let lasting: [any Error] = [
            KnowledgeError.nothingReadable(problems: []), DatabaseError.other("x"), provider(.authentication), provider(.budget),
            CocoaError(.fileNoSuchFile),
            JobFailure(step: "prepare", code: .tooFewExamples, message: "the embedder died, out of memory, and the disk is full"),
        ]
        for error in passing { #expect(failure(error).isTransient, "\(error)") }
        for error in lasting { #expect(!failure(error).isTransient, "\(error)") }
    }

    /// A row tells the cause for good; whether it is tried again was decided when it was written.
    @Test func aFailureIsKeptAsItWas() throws {
        let kept = try JSONEncoder().encode(failure(LocalModelError(code: .embedderDied, message: "m")))
        #expect(String(decoding: kept, as: UTF8.self).contains("embedder_died") && !String(decoding: kept, as: UTF8.self).contains("ransient"))
        let before = Data(#"{"step":"s","code":"of_an_earlier_version","message":"m"}"#.utf8)
        #expect(try JSONDecoder().decode(JobFailure.self, from: before).code == "of_an_earlier_version")
    }

    private func answer(_ degraded: [Degradation], cached: Bool? = nil) -> Answer {
        Answer(
            id: "ans_1", text: "Hello.", citations: [], provider: "p", model: "m", finishReason: .stop, degraded: degraded,
            trace: Trace(answerID: "ans_1", minionID: "min_1"), cached: cached)
    }

    /// An automatic rollback looked for "without the voice" in the text that people read.
    @Test func aReleaseIsJudgedByWhatAnAnswerLacksInWhateverWords() {
        func degraded(_ stage: String, _ effect: String, lacks: Degradation.Half? = nil) -> Degradation {
            Degradation(stage: stage, reason: "r", effect: effect, lacks: lacks)
        }
        #expect(answer([]).releaseDidItsPart == true)
        #expect(answer([degraded("answer", "said in other words", lacks: .voice)]).releaseDidItsPart == false)
        #expect(answer([degraded("retrieve", "searched by words only", lacks: .knowledge)]).releaseDidItsPart == false)
        // A vendor's own text, quoted in the effect or the reason, is nobody's judgement of the release.
        #expect(answer([degraded("answer", "tried again: the vendor said \"answered without the voice\"")]).releaseDidItsPart == true)
        #expect(answer([degraded("answer", "x", lacks: .voice)], cached: true).releaseDidItsPart == nil)
    }
}
