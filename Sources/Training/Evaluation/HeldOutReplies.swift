import Domain
import Foundation
import Providers

/// The split of a job's examples as the evaluation reads it.
struct HeldOutReplies: Sendable {
    /// The user's replies in the training split and in the held-out one.
    var training: [String] = []
    var heldOut: [String] = []
    /// Messages of the held-out examples, each with the reply the user gave.
    var questions: [EvaluationQuestion] = []

    private struct Example: Decodable {
        struct Message: Decodable {
            var role: String
            var content: String
            var weight: Int?
        }
        var messages: [Message]
    }

    init() {}

    /// - Parameters:
    ///   - train, validation: chat JSONL as ``PrepareStage`` wrote it.
    ///   - isRewrite: whether a message of the user's asks to restyle a text: such examples are made, not the user's own.
    init(train: URL, validation: URL, isRewrite: (String) -> Bool) throws {
        for example in try Self.read(train, isRewrite) { training += Self.replies(example) }
        for example in try Self.read(validation, isRewrite) {
            heldOut += Self.replies(example)
            guard let last = example.messages.lastIndex(where: { $0.role == "assistant" && $0.weight != 0 }), last > 0,
                example.messages[last - 1].role == "user"
            else { continue }
            let before = example.messages[..<last].compactMap { message in
                ChatMessage.Role(rawValue: message.role).map { ChatMessage($0, message.content) }
            }
            questions.append(EvaluationQuestion(kind: .voice, messages: before, reference: example.messages[last].content))
        }
    }

    private static func replies(_ example: Example) -> [String] {
        example.messages.filter { $0.role == "assistant" && $0.weight != 0 }.map(\.content)
    }

    private static func read(_ file: URL, _ isRewrite: (String) -> Bool) throws -> [Example] {
        try BoundedLines.read(file).map { try JSONDecoder().decode(Example.self, from: $0) }
            .filter { !$0.messages.contains { $0.role == "user" && isRewrite($0.content) } }
    }
}
