import Answers
import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    static var conversationID: Self { .init("X-Conversation-Id")! }
}

extension Question {
    /// With what the client calls the conversation, where it says so.
    func naming(_ request: Request) -> Question {
        var question = self
        question.conversationID = request.headers[.conversationID].flatMap { $0.isEmpty ? nil : $0 }
        return question
    }
}
