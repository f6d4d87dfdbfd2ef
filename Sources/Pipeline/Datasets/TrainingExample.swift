import Datasets
import Foundation

/// A chat example as the trainer reads it: roles and texts.
struct TrainingExample: Encodable {
    struct Message: Encodable {
        var role: String
        var content: String
        /// 0 where a reply is not to be learned from.
        var weight: Int?
    }

    var messages: [Message]

    /// Nil for an example with tools: a base model's template has no place for calls and their results.
    init?(_ example: ChatExample) {
        var messages: [Message] = []
        for message in example.messages {
            guard let content = message.content, !message.fields.contains(where: { $0.name == "tool_calls" || $0.name == "function_call" }) else {
                return nil
            }
            switch message.role {
            case .system, .developer: messages.append(.init(role: "system", content: content))
            case .user: messages.append(.init(role: "user", content: content))
            case .assistant: messages.append(.init(role: "assistant", content: content, weight: message.isTrained ? nil : 0))
            case .tool, .function: return nil
            }
        }
        self.messages = messages
    }

    /// One line of JSON with sorted keys: equal examples are equal text.
    func line() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}
