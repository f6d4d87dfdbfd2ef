import Calls
import Domain
import Files
import Foundation
import Providers

/// Asks the local model with the user's adapter for a first version: the voice.
struct DraftStage: GatheringStage {
    let local: LocalModel

    var name: String { "draft" }
    var effect: String { "the answer is without the draft's voice" }
    var lacks: Degradation.Half? { .voice }
    var isToldWhereSkipped: Bool { true }
    func applies(to plan: AnswerPlan) -> Bool { plan.drafts }

    /// Without the least likely words, which a small model makes up.
    private static let topP = 0.9
    /// The same question has the same draft.
    private static let seed = 7

    /// - Throws: ``DeadlineExceeded`` after the minion's `draft_timeout`; what the local model's call throws.
    func gather(_ context: AnswerContext) async throws -> @Sendable (inout Trace) -> Void {
        guard let voice = context.materials.voice else { throw LocatedError("the minion has no adapter") }
        let (plan, question, settings, ledger) = (context.plan, context.question, context.minion.pipeline, context.calls.ledger)
        let limit = Duration.seconds(settings.draftTimeout)
        let reply = try await DeadlineExceeded.within(limit, "the draft") { [local] in
            try await local.reply(
                question.conversation,
                Sampling(
                    temperature: settings.draftTemperature, topP: question.sampling.topP ?? Self.topP, maxTokens: settings.draftMaxTokens,
                    seed: question.sampling.seed ?? Self.seed),
                for: context.minion.userID, voice: voice, scale: plan.scale, decoding: .answering, limit: limit,
                onAttempt: { ledger.add($0, purpose: "draft") })
        }
        let draft = DraftTrace(
            text: reply.text.trimmingCharacters(in: .whitespacesAndNewlines), adapterID: voice.id, scale: plan.scale, inPrompt: plan.draftInPrompt)
        return { $0.draft = draft }
    }
}

extension Question {
    /// What the adapter saw in training: words alone, no system prompt, no tools.
    var conversation: [ChatMessage] { messages.filter { ($0.role == .user || $0.role == .assistant) && !$0.content.isEmpty } }
}
