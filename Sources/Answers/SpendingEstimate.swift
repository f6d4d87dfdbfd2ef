import Domain
import Providers
import Store

/// What an answer may come to, before anything of it is made: what is reserved for it.
package struct SpendingEstimate: Sendable {
    var tokens: Int
    /// Of the external model alone.
    package var usage: TokenUsage
    /// Whether nobody has bounded the reply.
    private(set) var isOpenEnded: Bool

    /// A passage in the prompt, at the size chunks have.
    package static let passage = 300
    /// What vendors put around a request, and around each of its messages, in tokens.
    private static let frame = (request: 8, message: 4)
    /// A message and its reply, cut as ``VoiceExamples`` cuts them.
    private static let example = 2 * VoiceExamples.longest / 4

    /// - Parameter provider: the minion's first; nil where there is none of its name.
    package init(_ question: Question, minion: Minion, provider: ProviderInfo?) {
        // A release may hold both; without one there is neither.
        let plan = AnswerPlan(minion, question, hasVoice: minion.releaseID != nil, hasCollection: minion.releaseID != nil, provider: provider)
        // In bytes, so that a script with few characters a word is not taken for cheap.
        let told =
            UsageEstimate.tokens(bytes: minion.systemPrompt.utf8.count) + UsageEstimate.input(question.request(question.messages, question.sampling))
        var input = told + Self.frame.request + question.messages.count * Self.frame.message
        var drafted = 0
        let output = question.maxTokens(of: minion)
        isOpenEnded = plan.form == .direct && question.sampling.maxTokens == nil && minion.sampling.maxTokens == nil
        let settings = minion.pipeline
        if plan.retrieves { input += (question.topK ?? settings.topK) * Self.passage }
        if plan.drafts { drafted = told + settings.draftMaxTokens }
        if plan.draftInPrompt { input += settings.draftMaxTokens }
        input += plan.examples * Self.example
        // Said again, at most twice as long.
        if plan.restyles { drafted += 3 * output }
        tokens = input + output + drafted
        usage = TokenUsage(input: input, output: output)
    }
}

extension Question {
    /// The most tokens an answer may have.
    func maxTokens(of minion: Minion) -> Int { sampling.maxTokens ?? minion.sampling.maxTokens ?? ModelStage.defaultMaxTokens }
}
