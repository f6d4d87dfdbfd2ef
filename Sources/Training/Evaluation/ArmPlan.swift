import Answers
import Domain
import Providers
import Store

extension EvaluationArm {
    /// The arms that differ with these materials, base first.
    static func arms(_ materials: AnswerMaterials, restyles: Bool) -> [EvaluationArm] {
        arms(hasVoice: materials.voice != nil, hasCollection: materials.collection != nil, restyles: restyles)
    }

    static func arms(hasVoice: Bool, hasCollection: Bool, restyles: Bool) -> [EvaluationArm] {
        allCases.filter { arm in
            switch arm {
            case .base: true
            case .knowledge: hasCollection
            case .voice: hasVoice
            case .hybridDraftFirst: hasVoice && hasCollection
            case .hybridRestyleLast: hasVoice && hasCollection && restyles
            }
        }
    }

    var hasVoice: Bool { self != .base && self != .knowledge }
    var hasPassages: Bool { self != .base && self != .voice }

    /// What of the job's materials the arm answers with.
    func materials(_ all: AnswerMaterials) -> AnswerMaterials {
        var own = all
        if !hasVoice { own.voice = nil }
        if !hasPassages { own.collection = nil }
        return own
    }

    /// The question as this arm is asked it.
    /// - Parameter answersLocally: the minion's own model is the local one, which then wears the adapter itself.
    func question(_ messages: [ChatMessage], _ sampling: Sampling, answersLocally: Bool) -> Question {
        let order: PipelineSettings.Order =
            switch self {
            case .base: .externalOnly
            case .knowledge: .knowledgeOnly
            case .voice, .hybridDraftFirst: .draftFirst
            case .hybridRestyleLast: .restyleLast
            }
        let drafts = order == .draftFirst && !answersLocally
        return Question(
            messages: messages, order: order, useDraft: drafts ? true : nil, usePassages: self == .voice ? false : nil, sampling: sampling,
            stream: false)
    }
}
