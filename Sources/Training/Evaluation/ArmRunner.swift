import Answers
import Calls
import Domain
import Foundation
import Providers
import Store

/// Asks every arm every question, one question after the other, so that an end in the middle leaves all arms
/// with the same questions.
struct ArmRunner: Sendable {
    /// An arm that fails so often in a row is given up.
    static let failuresAtMost = 2

    let answers: any Answering
    let minion: Minion
    let materials: AnswerMaterials
    let arms: [EvaluationArm]
    let settings: EvaluationSettings
    let seed: Int
    let keeper: AnswerKeeper
    /// What the kept answers depend on beside minion, question and settings: the adapter's and the collection's content.
    let identity: [String]
    let deadline: ContinuousClock.Instant

    /// - Parameter onAnswer: called with the answers that are there and the answers there will be.
    func run(
        _ questions: [EvaluationQuestion], onAnswer: (_ done: Int, _ of: Int) async throws -> Void
    ) async throws -> (results: ArmResults, notes: [String]) {
        var results = ArmResults(questions)
        var failures: [EvaluationArm: Int] = [:]
        var notes: [String] = []
        var done = 0
        for (place, question) in questions.enumerated() {
            if place > 0, ContinuousClock.now >= deadline {
                notes.append("The time of \(settings.seconds) s was up after \(place) of \(questions.count) questions.")
                break
            }
            for arm in arms where failures[arm, default: 0] < Self.failuresAtMost {
                do {
                    results[arm, place] = try await answer(question, arm)
                    failures[arm] = 0
                } catch is CancellationError {
                    throw CancellationError()
                } catch let error as LimitExceeded {
                    notes.append("The evaluation ended after \(place) of \(questions.count) questions: \(error.description).")
                    return (results, notes)
                } catch {
                    failures[arm, default: 0] += 1
                    if failures[arm] == Self.failuresAtMost { notes.append("\(arm.rawValue) was given up: \(error)") }
                }
                done += 1
                try await onAnswer(done, questions.count * arms.count)
            }
        }
        return (results, notes)
    }

    private func answer(_ question: EvaluationQuestion, _ arm: EvaluationArm) async throws -> ArmAnswer {
        let key = try key(question, arm)
        if let kept = keeper.find(key) { return kept }
        let sampling = Sampling(temperature: 0, maxTokens: settings.maxTokens, seed: seed)
        let asked = arm.question(question.messages, sampling, answersLocally: answers.answersLocally(minion))
        while true {
            do {
                let start = ContinuousClock.now
                let answer = try await answers.answer(minion, asked, with: arm.materials(materials), purpose: "evaluation")
                let made = ArmAnswer(answer, milliseconds: (ContinuousClock.now - start) / .milliseconds(1))
                try keeper.keep(made, at: key)
                return made
            } catch let error as LimitExceeded {
                // A rate passes with time; a budget does not.
                guard let wait = error.retryAfter.map({ min($0, 1e9) }), ContinuousClock.now + .seconds(wait) < deadline else { throw error }
                try await Task.sleep(for: .seconds(wait))
            }
        }
    }

    private func key(_ question: EvaluationQuestion, _ arm: EvaluationArm) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var asked = minion
        // What changes of a minion without changing its answers.
        asked.updatedAt = asked.createdAt
        let row = String(decoding: try encoder.encode(asked), as: UTF8.self)
        return AnswerKeeper.key(identity + [row, arm.rawValue, question.digest, String(settings.maxTokens), String(seed)])
    }
}
