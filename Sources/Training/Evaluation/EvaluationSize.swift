import Answers
import Domain
import Providers
import Store

/// How much an evaluation asks, before there is anything to ask about. Numbers are the most there are, lengths are usual ones.
struct EvaluationSize: Sendable {
    /// Of a question about the documents, in bytes.
    static let questionBytes = 200
    /// Of a call that makes such a question: the instruction, a sentence and its title; a question.
    static let (madeInput, madeOutput) = (200, 40)
    /// The instruction of a judge, in tokens.
    private static let judgeInstruction = 200
    /// Replies and passages that a judge is shown.
    private static let (judgeReplies, judgePassages) = (3, 2)

    let arms: [EvaluationArm]
    /// Held-out messages that each arm answers.
    let messages: Int
    /// Mean length of a chat example.
    let messageBytes: Int
    /// Questions about the documents that each arm answers.
    let questions: Int
    /// Calls that make questions where none are given.
    let made: Int
    /// Calls of the judge.
    let comparisons: Int

    var answers: Int { arms.count * (messages + questions) }
    /// Searches of the collection: for the measures of retrieval, and for every answer with passages.
    var searches: Int { questions + arms.count(where: \.hasPassages) * (messages + questions) }

    init(_ draft: TrainingJobDraft, _ datasets: [Dataset], restyles: Bool, areQuestionsGiven: Bool) {
        let settings = draft.config.evaluation
        let (hasVoice, hasCollection) = (draft.trainingType.trainsAdapter, draft.trainingType.buildsCollection)
        arms = EvaluationArm.arms(hasVoice: hasVoice, hasCollection: hasCollection, restyles: restyles)
        let chats = datasets.filter { $0.datasetType == .jsonl }
        let samples = chats.reduce(0) { $0 + $1.sampleCount }
        // A tenth is held out.
        let trainable = chats.reduce(0) { $0 + $1.trainableCount }
        messages = hasVoice ? min(settings.examples, max(1, Int((Double(trainable) / 10).rounded()))) : 0
        messageBytes = chats.reduce(0) { $0 + $1.bytes } / max(1, samples)
        questions = hasCollection ? settings.examples : 0
        made = hasCollection && !areQuestionsGiven ? settings.examples * QuestionMaker.triesPerQuestion : 0
        let judged = arms.count { $0.hasVoice && $0.hasPassages }
        // Each pair in both orders.
        comparisons = arms.count > 1 ? 2 * max(1, judged) * (messages + questions) : 0
    }

    /// What passages come to beside what ``SpendingEstimate`` reckons with: chunks of the job's own size, with their neighbours.
    static func passageTokens(_ pipeline: PipelineSettings, _ config: TrainingConfig) -> Int {
        let whole = pipeline.topK * (1 + 2 * pipeline.neighbours) * config.chunkTokens
        return max(0, min(whole, pipeline.passageTokens ?? whole) - pipeline.topK * SpendingEstimate.passage)
    }

    /// Of one comparison: instruction, question, the user's replies, passages, both answers.
    func judgeTokens(_ config: TrainingConfig) -> Int {
        Self.judgeInstruction + UsageEstimate.tokens(bytes: (1 + Self.judgeReplies) * messageBytes + Self.questionBytes)
            + (questions > 0 ? Self.judgePassages * config.chunkTokens : 0) + 2 * config.evaluation.maxTokens
    }
}
