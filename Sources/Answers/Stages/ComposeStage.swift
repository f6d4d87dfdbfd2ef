import Calls
import Domain
import Foundation
import Knowledge
import Providers
import Store

/// Joins voice, passages and conversation into the prompt.
struct ComposeStage: MakingStage {
    let notes: NoteSelector

    var name: String { "compose" }
    func applies(to plan: AnswerPlan) -> Bool { true }
    func isTold(in plan: AnswerPlan) -> Bool { plan.form != .direct }

    /// What of the voice enters the prompt.
    struct Voice: Sendable {
        var draft: String?
        var examples: [VoiceExample] = []
    }

    func run(_ context: AnswerContext, _ state: inout AnswerState) async throws {
        let voice = Voice(draft: state.trace.draft.flatMap { $0.inPrompt ? $0.text : nil }, examples: state.trace.voiceExamples ?? [])
        let composed = await compose(context, voice: voice, passages: state.trace.passages)
        state.trace.prompt = composed.prompt
        if let degraded = composed.degraded { state.trace.degraded.append(degraded) }
    }

    /// The caller's messages as they are, behind the minion's system prompt.
    static func direct(_ question: Question, _ minion: Minion) -> [ChatMessage] {
        (minion.systemPrompt.isEmpty ? [] : [ChatMessage(.system, minion.systemPrompt)]) + question.messages
    }

    private func compose(_ context: AnswerContext, voice: Voice, passages: [Passage]) async -> (prompt: [ChatMessage], degraded: Degradation?) {
        let (question, minion) = (context.question, context.minion)
        switch context.plan.form {
        case .direct: return (Self.direct(question, minion), nil)
        case .conversation: return (question.conversation, nil)
        case .full: return (fullPrompt(question, minion, voice, passages), nil)
        case .short:
            let (sentences, failure) = await notes.select(question.text, passages)
            let degraded = failure.map { Degradation(stage: name, reason: $0, effect: "the prompt holds whole passages") }
            return (shortPrompt(question, minion, sentences), degraded)
        }
    }

    private func fullPrompt(_ question: Question, _ minion: Minion, _ voice: Voice, _ passages: [Passage]) -> [ChatMessage] {
        var system = instructions(question, minion)
        if system.isEmpty { system = "You are \(minion.displayName)." }
        if !passages.isEmpty {
            system += """


                Answer from the numbered passages below. Put the passage's number in square brackets after what you take from it, like [1]. \
                If the passages do not hold the answer, say so plainly and do not guess.
                """
        }
        let given = [voice.examples.isEmpty ? nil : "replies", voice.draft == nil ? nil : "a draft"].compactMap { $0 }.joined(separator: " and ")
        if !given.isEmpty {
            system += """


                You speak for a person, of whom you are given \(given). Answer in that voice: its tone, its turns of phrase, its rhythm, its length. \
                Do not trust its facts.
                """
        }
        var context = ""
        for (index, passage) in passages.enumerated() {
            context += "[\(index + 1)] \(heading(passage))\n\(passage.text.trimmingCharacters(in: .whitespacesAndNewlines))\n\n"
        }
        if !voice.examples.isEmpty {
            context += "Replies of the person to other messages, for the voice only:\n"
            for example in voice.examples { context += "Message: \(example.message)\nReply: \(example.reply)\n" }
            context += "\n"
        }
        if let draft = voice.draft { context += "Draft, for its voice only:\n\(draft)\n\n" }
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
