import Store

/// How much an evaluation asks, before there is anything to ask about.
struct EvaluationSize: Sendable {
    /// Of a question about the documents, in bytes.
    static let questionBytes = 200
    /// Of a call that makes such a question: the instruction, a sentence and its title; a question.
    static let (madeInput, madeOutput) = (200, 40)
    /// Of a comparison, beside the two answers: the instruction, three of the user's replies, two passages.
    static let judgeInput = 1500

    let arms: [EvaluationArm]
    /// Held-out messages that each arm answers, and their length.
    let messages: Int
    let messageBytes: Int
    /// Questions about the documents that each arm answers.
    let questions: Int
    /// Calls that make questions where none are given.
    let made: Int
    /// Calls of the judge.
    let comparisons: Int

    var answers: Int { arms.count * (messages + questions) }

    init(_ draft: TrainingJobDraft, _ datasets: [Dataset], restyles: Bool) {
        let settings = draft.config.evaluation
        let (hasVoice, hasCollection) = (draft.trainingType.trainsAdapter, draft.trainingType.buildsCollection)
        arms = EvaluationArm.arms(hasVoice: hasVoice, hasCollection: hasCollection, restyles: restyles)
        let chats = datasets.filter { $0.datasetType == .jsonl }
        let samples = chats.reduce(0) { $0 + $1.sampleCount }
        // A tenth is held out.
        messages = hasVoice ? min(settings.examples, max(1, Int((Double(samples) / 10).rounded()))) : 0
        messageBytes = min(8000, chats.reduce(0) { $0 + $1.bytes } / max(1, samples))
        questions = hasCollection ? settings.examples : 0
        let areGiven = datasets.contains { $0.datasetType == .custom }
        made = hasCollection && !areGiven ? settings.examples * QuestionMaker.triesPerQuestion : 0
        let judged = arms.filter { $0.hasVoice && $0.hasPassages }.count
        // Each pair in both orders.
        comparisons = arms.count > 1 ? 2 * max(1, judged) * (messages + questions) : 0
    }
}
