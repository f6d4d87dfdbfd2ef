import Answers
import Calls
import Domain
import Foundation
import Hummingbird
import Providers
import Store

/// `POST /api/users/{user_id}/minions/{minion_id}/ask` and the answers it kept. A minion token may
/// ask its own minion; everything else is for people.
struct AskController: Sendable {
    let store: Store
    let accounts: Accounts
    let pipeline: AnswerPipeline
    let clients: ClientConnections

    func routes(_ group: RouterGroup<AppContext>) {
        group.post("{user_id}/minions/{minion_id}/ask", use: ask)
        group.group(context: PersonContext.self).group(context: OwnerContext.self).auditingReads(store.audit).get(
            "{user_id}/answers/{answer_id}", use: show)
    }

    @Sendable func ask(_ request: Request, context: AppContext) async throws -> Response {
        let (minion, snapshot) = try await minion(request, context)
        var fields = try await RequestFields(request, context: context, limit: .conversation)
        let text = fields.required("question", length: 1...100_000)
        let stream = fields.bool("stream") ?? false
        let wantsTrace = fields.bool("trace") ?? false
        // The trace holds the system prompt and whole passages: settings and documents, which a minion token never reads.
        if wantsTrace, case .minion = context.identity { fields.fail("trace", "needs a session token: a minion token may only ask") }
        var question = Question(messages: history(&fields) + [ChatMessage(.user, text)], stream: stream)
        question.order = fields.choice("order", PipelineSettings.Order.self)
        question.voicePrompt = fields.choice("voice_prompt", PipelineSettings.VoicePrompt.self)
        question.useDraft = fields.bool("use_draft")
        question.usePassages = fields.bool("use_passages")
        question.adapterScale = fields.number("adapter_scale", PipelineSettings.Bounds.adapterScale)
        question.topK = fields.integer("top_k", PipelineSettings.Bounds.topK)
        question.sampling = Sampling(
            temperature: fields.number("temperature", Sampling.Bounds.temperature),
            topP: fields.number("top_p", Sampling.Bounds.topP),
            maxTokens: fields.integer("max_tokens", Sampling.Bounds.maxTokens),
            seed: fields.integer("seed", Sampling.Bounds.seed))
        if let conflict = question.conflict(minion) { fields.fail(conflict.field, conflict.message) }
        try fields.finish()
        let asked = question.naming(request)
        // Let in, or refused, while there is still a status line to say so.
        let run = if let snapshot { try await pipeline.admit(snapshot, asked) } else { try await pipeline.admit(minion, asked) }
        if stream { return try await streamed(run, trace: wantsTrace, context).adding(run.headers) }
        let answer = try await clients.whileConnected(context.channel) { try await run.answer() }
        return .json(AnswerBody(answer, trace: wantsTrace)).marked(cached: answer.cached ?? false).adding(run.headers)
    }

    /// A kept answer with its trace.
    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        let kept = try await store.user(context.owner).answer(context.parameters.require("answer_id"))
        return .json(
            KeptAnswer(
                id: kept.id, minionID: kept.minionID, releaseID: kept.releaseID, question: kept.question, answer: kept.answer,
                trace: try JSONValue(parsing: kept.trace), createdAt: kept.createdAt))
    }

    private struct KeptAnswer: Encodable {
        var id: String
        var minionID: String
        var releaseID: String?
        var question: String
        var answer: String
        var trace: JSONValue
        var createdAt: Date
    }

    /// The reply's form: the trace only where it was asked for.
    struct AnswerBody: Encodable {
        var id: String
        var answer: String
        var citations: [Citation]
        var provider: String
        var model: String
        var finishReason: FinishReason
        var degraded: [Degradation]
        var usage: TokenTotals
        /// True where the answer was given before; absent otherwise.
        var cached: Bool?
        var trace: Trace?

        init(_ answer: Answer, trace: Bool) {
            id = answer.id
            self.answer = answer.text
            citations = answer.citations
            provider = answer.provider
            model = answer.model
            finishReason = answer.finishReason
            degraded = answer.degraded
            usage = answer.trace.tokens
            cached = answer.cached
            self.trace = trace ? answer.trace : nil
        }
    }

    /// The minion that is asked; where its own token asks, with what is known of it already.
    private func minion(_ request: Request, _ context: AppContext) async throws -> (Minion, MinionSnapshot?) {
        let owner = try context.parameters.require("user_id")
        let id = try context.parameters.require("minion_id")
        switch context.identity {
        case .minion(let snapshot):
            guard snapshot.minion.id == id, snapshot.minion.userID == owner else { throw APIError.notFound("minion") }
            return (snapshot.minion, snapshot)
        case .person(let user, _):
            guard owner == user.id || user.role == .superuser else { throw APIError.notFound("user") }
            if owner != user.id { try await store.audit.recordRead(of: owner, path: request.uri.path) }
            return (try await store.user(owner).minion(id), nil)
        case nil: throw APIError.unauthenticated
        }
    }

    /// Earlier turns, oldest first.
    private func history(_ fields: inout RequestFields) -> [ChatMessage] {
        let entries = fields.objects("history", max: 100) ?? []
        return entries.enumerated().compactMap { index, entry in
            var inner = RequestFields(entry, prefix: "history[\(index)].")
            let role = inner.required("role", length: 1...20)
            let content = inner.required("content", length: 1...100_000)
            if !role.isEmpty, role != "user", role != "assistant" { inner.fail("role", "must be user or assistant") }
            fields.adopt(inner)
            return ChatMessage(role == "assistant" ? .assistant : .user, content)
        }
    }

    private func streamed(_ run: AnswerRun, trace: Bool, _ context: AppContext) async throws -> Response {
        try await ServerSentEvents.reply(
            holding: { $0.readableBytesView.starts(with: Self.stageFrame) },
            failure: { ServerSentEvents.frame(event: "error", data: String(decoding: APIError($0).body, as: UTF8.self)) }
        ) { send in
            let answer = { @Sendable () async throws -> Void in
                try await clients.whileConnected(context.channel) {
                    let answer = try await run.answer { event in
                        switch event {
                        case .stage(let timing): if let frame = try? Self.frame("stage", timing) { await send(frame) }
                        case .reply(.text(let text)): if let frame = try? Self.frame("text", ["text": text]) { await send(frame) }
                        // A question of this kind brings no tools; what a model thinks is not its answer.
                        case .reply: break
                        }
                    }
                    await send(try Self.frame("done", AnswerBody(answer, trace: trace)))
                }
            }
            guard case .person(let user, let token) = context.identity else { return try await answer() }
            try await accounts.whileOpen(token, of: user.id, answer)
        }
    }

    /// How a frame that tells of progress begins: a failure that comes soon after it still gets a status of its own.
    private static let stageFrame = Array("event: stage\n".utf8)

    private static func frame(_ event: String, _ value: some Encodable) throws -> ByteBuffer {
        ServerSentEvents.frame(event: event, data: String(decoding: try JSONEncoder.api.encode(value), as: UTF8.self))
    }
}
