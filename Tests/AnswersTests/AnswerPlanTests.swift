import Answers
import Calls
import Domain
import Foundation
import Providers
import Store
import TestMeters
import Testing

/// Which stages each order, and each override of a question, makes of an answer.
@Suite struct AnswerPlanTests {
    private static let openAI = ProviderInfo(id: "openai", name: "OpenAI", defaultBaseURL: "https://api.openai.com/v1", needsKey: true)
    private static let local = ProviderInfo(
        id: "local", name: "Local", defaultBaseURL: nil, needsKey: false, prefersShortPrompts: true, isManaged: true)

    private struct Setup {
        var minion: Minion
        var materials: AnswerMaterials

        func plan(
            _ question: Question = Question(messages: [ChatMessage(.user, "?")]), provider: ProviderInfo = openAI,
            _ change: (inout PipelineSettings) -> Void = { _ in }
        ) -> AnswerPlan {
            var minion = minion
            change(&minion.pipeline)
            return AnswerPlan(minion, question, materials, provider: provider)
        }

        func plan(_ order: PipelineSettings.Order, provider: ProviderInfo = openAI, _ change: (inout Question) -> Void = { _ in }) -> AnswerPlan {
            var question = Question(messages: [ChatMessage(.user, "?")], order: order)
            change(&question)
            return plan(question, provider: provider)
        }
    }

    private func withSetup(_ body: (Setup) throws -> Void) async throws {
        try await MeteredStore.run { metered in
            let rows = try await metered.user()
            let minion = try await rows.createMinion(.sample())
            let collection = try await rows.beginCollection(minion: minion, embedder: "e", dimension: 2, job: "job_1")
            try body(
                Setup(
                    minion: minion,
                    materials: AnswerMaterials(
                        voice: VoiceAdapter(id: "ada_1", baseModel: "base", folder: URL(filePath: "/nowhere")), collection: collection)))
        }
    }

    @Test func draftFirstPutsDraftAndPassagesIntoThePrompt() async throws {
        try await withSetup { setup in
            let plan = setup.plan(.draftFirst)
            #expect(plan.drafts && plan.draftInPrompt && plan.retrieves && plan.examples == 0 && !plan.restyles && plan.form == .full)
            #expect(setup.plan(provider: Self.openAI) == plan, "it is the default")
        }
    }

    @Test func aLocalMinionWearsTheVoiceAndDraftsOnlyToShow() async throws {
        try await withSetup { setup in
            #expect(!setup.plan(.draftFirst, provider: Self.local).drafts)
            let shown = setup.plan(.draftFirst, provider: Self.local) { $0.useDraft = true }
            #expect(shown.drafts && !shown.draftInPrompt && shown.localScale == 1 && shown.form == .short)
        }
    }

    @Test func restyleLastAnswersWithTheBaseAndRestyles() async throws {
        try await withSetup { setup in
            let plan = setup.plan(.restyleLast, provider: Self.local)
            #expect(plan.restyles && plan.retrieves && !plan.drafts && plan.localScale == 0 && plan.scale == 1)
            #expect(setup.plan(.restyleLast) { $0.useDraft = true }.draftInPrompt)
            #expect(!setup.plan(.restyleLast) { $0.responseFormat = ["type": "json_object"] }.restyles)
        }
    }

    @Test func singleStagesLeaveTheOthersOut() async throws {
        try await withSetup { setup in
            let voice = setup.plan(.voiceOnly) { $0.adapterScale = 0.5 }
            #expect(voice.answersInVoice && voice.form == .conversation && voice.localScale == 0.5 && !voice.retrieves && !voice.drafts)
            let knowledge = setup.plan(.knowledgeOnly, provider: Self.local)
            #expect(knowledge.retrieves && !knowledge.drafts && knowledge.examples == 0 && knowledge.localScale == 0 && !knowledge.answersInVoice)
            let bare = setup.plan(.externalOnly)
            #expect(!bare.retrieves && !bare.drafts && !bare.restyles && !bare.answersInVoice && bare.form == .full)
        }
    }

    @Test func theVoicePromptSaysWhatOfTheVoiceIsMade() async throws {
        try await withSetup { setup in
            let examples = setup.plan(.draftFirst) { $0.voicePrompt = .examples }
            #expect(examples.examples == 3 && !examples.drafts)
            let both = setup.plan(provider: Self.openAI) { settings in
                settings.voicePrompt = .both
                settings.voiceExamples = 5
            }
            #expect(both.examples == 5 && both.drafts)
            #expect(
                setup.plan(.draftFirst) {
                    $0.voicePrompt = .both; $0.useDraft = false
                }.examples == 0)
        }
    }

    @Test func whatIsMissingIsNotPlanned() async throws {
        try await withSetup { setup in
            var setup = setup
            setup.materials = AnswerMaterials()
            let plan = setup.plan(.restyleLast) { $0.useDraft = true }
            #expect(!plan.restyles && !plan.drafts && !plan.retrieves)
        }
    }

    @Test func aDirectMinionGetsAnOrderByName() async throws {
        try await withSetup { setup in
            var setup = setup
            setup.minion.pipeline.mode = .direct
            #expect(setup.plan(provider: Self.openAI).form == .direct)
            #expect(setup.plan(.knowledgeOnly).retrieves)
        }
    }

    @Test func aQuestionCannotAskForWhatItsOrderDoesNotHave() async throws {
        try await withSetup { setup in
            func conflict(_ order: PipelineSettings.Order, draft: Bool? = nil, passages: Bool? = nil) -> String? {
                Question(messages: [], order: order, useDraft: draft, usePassages: passages).conflict(setup.minion)?.field
            }
            #expect(conflict(.voiceOnly, passages: true) == "use_passages" && conflict(.externalOnly, draft: true) == "use_draft")
            #expect(conflict(.knowledgeOnly, draft: true) == "use_draft" && conflict(.knowledgeOnly, passages: true) == nil)
            #expect(conflict(.voiceOnly, draft: false, passages: false) == nil && conflict(.restyleLast, draft: true, passages: true) == nil)
        }
    }
}
