import Answers
import Foundation
import Knowledge
import Providers

/// What an arm answered to one question, as it is kept in the job's folder.
struct ArmAnswer: Sendable, Codable, Equatable {
    var text: String
    /// The local model's draft, where one was in the prompt.
    var draft: String?
    /// The answer before it was restyled.
    var plain: String?
    /// Of each piece that could be restyled, whether the answer has it in other words.
    var restyled: [Bool]?
    var passages: [Passage]
    var citations: [Citation]
    /// All stages.
    var milliseconds: Double
    /// US dollars, all calls; nil where a price is unknown.
    var cost: Double?
    /// What was worse than asked.
    var degraded: [String]

    init(
        text: String, draft: String? = nil, plain: String? = nil, restyled: [Bool]? = nil, passages: [Passage] = [], citations: [Citation] = [],
        milliseconds: Double = 0, cost: Double? = nil, degraded: [String] = []
    ) {
        self.text = text
        self.draft = draft
        self.plain = plain
        self.restyled = restyled
        self.passages = passages
        self.citations = citations
        self.milliseconds = milliseconds
        self.cost = cost
        self.degraded = degraded
    }

    init(_ answer: Answer, milliseconds: Double) {
        text = answer.text
        draft = answer.trace.draft.flatMap { $0.inPrompt ? $0.text : nil }
        plain = answer.trace.restyle?.original
        restyled = answer.trace.restyle?.pieces.map { $0.kept && $0.restyled != $0.original }
        passages = answer.trace.passages
        citations = answer.citations
        self.milliseconds = milliseconds
        cost = answer.trace.tokens.cost
        degraded = answer.degraded.map { "\($0.stage): \($0.reason)" }
    }
}
