import Foundation
import Providers
import Store
import Synchronization

@testable import Answers
@testable import Training

/// Answers as a test says, and remembers what it was asked.
final class ScriptedAnswers: Answering {
    struct Asked: Sendable {
        var model: String
        var question: Question
        var materials: AnswerMaterials
        var purpose: String?
    }

    private let reply: @Sendable (Asked) throws -> String
    private let log = Mutex<[Asked]>([])
    private let price: Double?

    init(price: Double? = 0.01, _ reply: @escaping @Sendable (Asked) throws -> String) {
        self.reply = reply
        self.price = price
    }

    var asked: [Asked] { log.withLock { $0 } }

    func answer(_ minion: Minion, _ question: Question, with materials: AnswerMaterials, purpose: String?) async throws -> Answer {
        let asked = Asked(model: minion.modelID, question: question, materials: materials, purpose: purpose)
        log.withLock { $0.append(asked) }
        var trace = Trace(answerID: "ans_1", minionID: minion.id)
        trace.prompt = question.messages
        return Answer(
            id: "ans_1", text: try reply(asked), citations: [], provider: minion.provider, model: minion.modelID, finishReason: .stop, degraded: [],
            trace: trace)
    }

    func cost(_ minion: Minion, _ questions: [Question]) async throws -> Double? { price.map { $0 * Double(questions.count) } }

    func answersLocally(_ minion: Minion) -> Bool { minion.provider == "local" }
}

struct Unreachable: Error {}
