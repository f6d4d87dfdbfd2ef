import Answers
import Calls
import Foundation
import Hummingbird
import Providers
import Store

/// `/v1`: a minion, seen as an OpenAI model. The minion token is the API key.
struct OpenAIController: Sendable {
    let pipeline: AnswerPipeline
    let embedding: TextEmbedding
    let clients: ClientConnections

    func routes(_ group: RouterGroup<AppContext>) {
        group.post("chat/completions", use: chat)
        group.post("embeddings", use: embeddings)
    }

    @Sendable func chat(_ request: Request, context: AppContext) async throws -> Response {
        let snapshot = try context.minionSnapshot(request)
        let parsed = try ChatCompletionRequest(try await request.gatewayObject(), direct: snapshot.minion.pipeline.mode == .direct)
        guard snapshot.names.contains(parsed.model) else { throw OpenAIErrorReply.unknownModel(parsed.model, snapshot.minion) }
        let reply = ChatCompletionReply(model: parsed.model)
        let question = parsed.question.naming(request)
        // Let in, or refused, while there is still a status line to say so.
        let run = try await pipeline.admit(snapshot, question)
        guard question.stream else {
            let completion = Completion(try await clients.whileConnected(context.channel, on: run.executor) { try await run.answer() })
            return .json(bytes: reply.whole(completion)).marked(cached: completion.isCached).adding(run.headers)
        }
        return try await ServerSentEvents.reply(
            within: pipeline.longestWait,
            // No [DONE]: a cut answer must not look like a whole one.
            failure: { ServerSentEvents.frame(data: String(decoding: OpenAIErrorReply.body(APIError(gateway: $0)), as: UTF8.self)) }
        ) { send in
            let isOpen = Once()
            let answer = try await clients.whileConnected(context.channel, on: run.executor) {
                try await run.answer { event in
                    guard case .reply(let piece) = event, let chunk = reply.chunk(piece) else { return }
                    if isOpen.first() { await send(reply.opening()) }
                    await send(chunk)
                }
            }
            let completion = Completion(answer)
            if isOpen.first() { await send(reply.opening()) }
            await send(reply.closing(completion))
            if parsed.includeUsage { await send(reply.usageChunk(completion)) }
            await send(ChatCompletionReply.done)
        }.adding(run.headers)
    }

    @Sendable func embeddings(_ request: Request, context: AppContext) async throws -> Response {
        let minion = try context.minionSnapshot(request).minion
        let parsed = try EmbeddingsRequest(try await request.gatewayObject())
        let models = embedding.models(minion)
        guard models.contains(parsed.model) else { throw OpenAIErrorReply.unknownEmbeddingModel(parsed.model, models) }
        let (reply, headers) = try await clients.whileConnected(context.channel, on: EventLoopExecutor.shared) {
            try await embedding.embed(parsed.texts, model: parsed.model, kind: parsed.kind, for: minion)
        }
        return .json(bytes: EmbeddingsReply.bytes(reply, model: parsed.model, base64: parsed.isBase64)).adding(headers)
    }
}
