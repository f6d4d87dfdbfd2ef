import Calls
import Domain
import Knowledge
import Providers
import Synchronization

/// From marks in the text to the passages they stand for, while the text passes to the client.
struct CiteStage: MakingStage {
    /// As ``Degradation/stage``. What it did to an answer does not pass by itself.
    static let name = "cite"

    var name: String { Self.name }
    func applies(to plan: AnswerPlan) -> Bool { plan.form != .direct }
    /// It is at work while the reply is told.
    func isTold(in plan: AnswerPlan) -> Bool { false }

    func run(_ context: AnswerContext, _ state: inout AnswerState) async throws {
        guard let cited = state.cited else { return }
        let (text, citations, degraded) = await cited.finish(removed: state.removed)
        state.reply?.text = text
        state.citations = citations
        if let degraded { state.trace.degraded.append(degraded) }
    }

    /// - Returns: nil where there is nothing to cite, and for JSON: with a mark behind it, it is none.
    static func begin(_ context: AnswerContext, _ passages: [Passage]) -> CitedReply? {
        passages.isEmpty || context.question.wantsJSON ? nil : CitedReply(context, passages)
    }
}

/// One reply on its way through ``CitedText``.
final class CitedReply: Sendable {
    private let passages: [Passage]
    private let emit: @Sendable (AnswerEvent) async -> Void
    /// Short prompts hold sentences without numbers: there is nothing that a model could cite.
    private let cited: Int
    private let text: Mutex<CitedText>

    init(_ context: AnswerContext, _ passages: [Passage]) {
        self.passages = passages
        emit = context.emit
        cited = context.plan.form == .full ? passages.count : 0
        // Where tools are offered the reply may be a call, which is not an answer yet, and that shows at its end only.
        text = Mutex(CitedText(cited: cited, sources: context.question.tools.isEmpty ? passages : []))
    }

    /// Where the stages behind it tell what they do.
    func pass(_ event: ChatEvent) async {
        switch event {
        case .text(let piece): await tell(text.withLock { $0.add(piece) })
        case .toolCall:
            await tell(text.withLock { $0.flush() })
            await emit(.reply(event))
        case .model, .reasoning, .usage, .finish, .failed: await emit(.reply(event))
        }
    }

    private func tell(_ piece: String) async { if !piece.isEmpty { await emit(.reply(.text(piece))) } }

    /// A whole reply before it is restyled, without marks that stand for no passage.
    /// - Returns: the text, and what was removed.
    func cleaned(_ reply: String) -> (text: String, removed: [String]) {
        var clean = CitedText(cited: cited)
        _ = clean.add(reply)
        _ = clean.finish()
        return (clean.text, clean.removed)
    }

    /// The reply is over: emits what was held back.
    /// - Parameter removed: before the text came here.
    func finish(removed: [String]) async -> (text: String, citations: [Citation], degraded: Degradation?) {
        let (rest, whole) = text.withLock { text in
            let rest = text.finish()
            return (rest, text)
        }
        await tell(rest)
        return (whole.text, Citations.citations(whole.marks, passages), Self.degradation(removed + whole.removed))
    }

    private static func degradation(_ removed: [String]) -> Degradation? {
        guard !removed.isEmpty else { return nil }
        let names = removed.reduce(into: [String]()) { if !$0.contains($1), $0.count < 5 { $0.append($1) } }
        let (marks, stands, were) =
            removed.count == 1 ? ("1 citation mark", "stands", "it was") : ("\(removed.count) citation marks", "stand", "they were")
        return Degradation(
            stage: CiteStage.name, reason: "the model set \(marks) that \(stands) for no passage: \(names.joined(separator: ", "))",
            effect: "\(were) removed from the answer")
    }
}
