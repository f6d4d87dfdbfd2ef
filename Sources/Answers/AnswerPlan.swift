import Domain
import Providers
import Store

/// Which stages one answer is made of: decided once, before any of them runs.
package struct AnswerPlan: Sendable, Equatable {
    package enum Form: Sendable, Equatable {
        /// The caller's messages as they are, behind the minion's system prompt.
        case direct
        /// The words of the conversation alone: what the adapter was trained on.
        case conversation
        /// Instructions, passages, voice and question.
        case full
        /// Notes and question: for small models, which lose the question among instructions.
        case short
    }

    /// Nil in direct mode.
    package var order: PipelineSettings.Order?
    package var form: Form
    package var drafts = false
    package var draftInPrompt = false
    /// Replies of the user's own in the prompt.
    package var examples = 0
    package var retrieves = false
    package var restyles = false
    /// The local model with the adapter answers, whatever provider the minion names.
    package var answersInVoice = false
    /// The adapter's scale where the local model answers: 0 is the base model alone.
    package var localScale: Double
    /// The adapter's scale for draft and restyle.
    package var scale: Double

    /// - Parameter provider: the minion's first; nil where there is none of its name.
    package init(_ minion: Minion, _ question: Question, _ materials: AnswerMaterials, provider: ProviderInfo?) {
        self.init(
            minion, question, hasVoice: materials.voice != nil, hasCollection: materials.collection != nil, provider: provider)
    }

    /// The same before it is known what the release holds.
    package init(_ minion: Minion, _ question: Question, hasVoice: Bool, hasCollection: Bool, provider: ProviderInfo?) {
        let settings = minion.pipeline
        scale = question.adapterScale ?? settings.adapterScale
        localScale = scale
        guard !question.isDirect(minion) else {
            form = .direct
            return
        }
        let order = question.order ?? settings.order
        self.order = order
        form = provider?.prefersShortPrompts ?? false ? .short : .full
        let isLocal = provider?.isManaged ?? false
        retrieves = order.hasPassages && (question.usePassages ?? (settings.usePassages || order == .knowledgeOnly)) && hasCollection

        // The trained voice is already in a local answer, and comes last in a restyled one: a draft is made
        // there only where the question asks for one. After a tool's result the model goes on with what it
        // began; there is nothing to draft.
        let byDefault = settings.useDraft && order == .draftFirst && !isLocal
        let wantsVoice = order.hasDraft && hasVoice && (question.useDraft ?? byDefault)
        let voicePrompt = question.voicePrompt ?? settings.voicePrompt
        drafts = wantsVoice && voicePrompt.hasDraft && question.messages.last?.role != .tool
        draftInPrompt = drafts && form == .full
        examples = wantsVoice && voicePrompt.hasExamples && form == .full ? settings.voiceExamples : 0

        switch order {
        case .draftFirst: break
        case .restyleLast:
            restyles = hasVoice && !question.wantsJSON
            localScale = 0
        case .voiceOnly:
            answersInVoice = true
            form = .conversation
        case .knowledgeOnly, .externalOnly: localScale = 0
        }
    }
}

extension PipelineSettings.Order {
    var hasDraft: Bool { self == .draftFirst || self == .restyleLast }
    var hasPassages: Bool { self != .voiceOnly && self != .externalOnly }
}

extension Question {
    /// Whether it goes straight to the model. One that asks for a draft, for passages or for an order by name gets them.
    func isDirect(_ minion: Minion) -> Bool {
        minion.pipeline.mode == .direct && order == nil && useDraft != true && usePassages != true
    }

    /// What the question asks for and the order of its stages has no place for.
    public func conflict(_ minion: Minion) -> (field: String, message: String)? {
        let order = self.order ?? minion.pipeline.order
        if useDraft == true, !order.hasDraft { return ("use_draft", "order \(order.rawValue) has no draft") }
        if usePassages == true, !order.hasPassages { return ("use_passages", "order \(order.rawValue) has no passages") }
        return nil
    }
}
