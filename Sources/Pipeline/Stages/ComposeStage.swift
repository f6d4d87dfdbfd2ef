import Foundation
import Knowledge
import Providers
import Store

/// Joins draft, passages and conversation into the prompt.
struct ComposeStage: Sendable {
    let notes: NoteSelector

    /// - Parameter short: for small models, which lose the question among instructions.
    func run(_ question: Question, minion: Minion, draft: String?, passages: [Passage], short: Bool) async -> (
        prompt: [ChatMessage], degraded: Degradation?
    ) {
        guard short else { return (fullPrompt(question, minion, draft, passages), nil) }
        let (sentences, failure) = await notes.select(question.text, passages)
        let degraded = failure.map { Degradation(stage: "compose", reason: $0, effect: "the prompt holds whole passages") }
        return (shortPrompt(question, minion, sentences), degraded)
    }

    private func fullPrompt(_ question: Question, _ minion: Minion, _ draft: String?, _ passages: [Passage]) -> [ChatMessage] {
        var system = instructions(question, minion)
        if system.isEmpty { system = "You are \(minion.displayName)." }
        if !passages.isEmpty {
            system += """


                Answer from the numbered passages below. Put the passage's number in square brackets after what you take from it, like [1]. \
                If the passages do not hold the answer, say so plainly and do not guess.
                """
        }
        if draft != nil {
            system += """


                A draft by the person you speak for is given. Answer in its voice: its tone, its turns of phrase, its rhythm, its length. \
                Do not trust its facts.
                """
        }
        var context = ""
        for (index, passage) in passages.enumerated() {
            context += "[\(index + 1)] \(heading(passage))\n\(passage.text.trimmingCharacters(in: .whitespacesAndNewlines))\n\n"
        }
        if let draft { context += "Draft, for its voice only:\n\(draft)\n\n" }
        return conversation(question, system: system) { context.isEmpty ? $0 : "\(context)Question: \($0)" }
    }

    /// Notes and question in the user's turn, and nothing else: what a small model can hold on to.
    private func shortPrompt(_ question: Question, _ minion: Minion, _ notes: [String]) -> [ChatMessage] {
        conversation(question, system: instructions(question, minion)) {
            notes.isEmpty ? $0 : "Notes: \(notes.joined(separator: " "))\n\nQuestion: \($0)"
        }
    }

    /// The minion's own system prompt, then those of the conversation.
    private func instructions(_ question: Question, _ minion: Minion) -> String {
        ([minion.systemPrompt] + question.messages.filter { $0.role == .system }.map(\.content)).filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private func conversation(_ question: Question, system: String, last: (String) -> String) -> [ChatMessage] {
        var messages = question.messages.filter { $0.role != .system }
        if let index = messages.lastIndex(where: { $0.role == .user }) { messages[index].content = last(messages[index].content) }
        return (system.isEmpty ? [] : [ChatMessage(.system, system)]) + messages
    }

    private func heading(_ passage: Passage) -> String {
        ([passage.title] + passage.headings.filter { $0 != passage.title }).filter { !$0.isEmpty }.joined(separator: " › ")
    }
}
