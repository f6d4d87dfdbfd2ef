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
        question.conversationID = request.headers[.conversationID].flatMap { (1...200).contains($0.utf8.count) ? $0 : nil }
        return question
    }
}
