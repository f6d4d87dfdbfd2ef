import Knowledge
import Providers

/// From marks in the text to the passages they stand for.
struct CiteStage: Sendable {
    /// - Returns: the text, with a mark where the model left one out, and what the marks stand for.
    func run(_ reply: ChatReply, _ context: AnswerContext, passages: [Passage]) -> (text: String, citations: [Citation]) {
        let citations = Citations.citations(Citations.marks(in: reply.text, passages: passages.count), by: "model", passages)
        // A call of a tool is not an answer yet, and JSON with a mark behind it is no JSON.
        guard citations.isEmpty, reply.toolCalls.isEmpty, !context.question.wantsJSON,
            let number = Citations.supporting(reply.text, question: context.question.text, passages: passages)
        else { return (reply.text, citations) }
        context.emit(.text(" [\(number)]"))
        return (reply.text + " [\(number)]", Citations.citations([number], by: "overlap", passages))
    }
}
