import Answers
import Hummingbird
import Providers
import Store
import Synchronization

/// `/v1/messages`: a minion, seen as an Anthropic model. The minion token is the API key, as `x-api-key`
/// or as a bearer's.
struct AnthropicController: Sendable {
    let pipeline: AnswerPipeline
    let clients: ClientConnections

    func routes(_ group: RouterGroup<AppContext>) { group.post("messages", use: messages) }

    @Sendable func messages(_ request: Request, context: AppContext) async throws -> Response {
        let snapshot = try context.minionSnapshot(request)
        let parsed = try MessagesRequest(try await request.gatewayObject(), direct: snapshot.minion.pipeline.mode == .direct)
        guard snapshot.names.contains(parsed.model) else { throw OpenAIErrorReply.unknownModel(parsed.model, snapshot.minion) }
        let question = parsed.question.naming(request)
        let run = try await pipeline.admit(snapshot, question)
        guard question.stream else {
            let completion = Completion(try await clients.whileConnected(context.channel, on: run.executor) { try await run.answer() })
            return .json(bytes: MessagesReply.whole(completion, model: parsed.model)).marked(cached: completion.isCached).adding(run.headers)
        }
        let requestID = context.vendorRequestID
        let stream = Shared(MessagesStream(model: parsed.model))
        return try await ServerSentEvents.reply(
            within: pipeline.longestWait,
            failure: {
                let body = AnthropicErrorReply.body(APIError(gateway: $0), requestID: requestID)
                return ServerSentEvents.frame(event: "error", data: body.serialized())
            }
        ) { send in
            let answer = try await clients.whileConnected(context.channel, on: run.executor) {
                try await run.answer { event in
                    guard case .reply(let piece) = event else { return }
                    if let bytes = stream.state.withLock({ $0.bytes(for: piece) }) { await send(bytes) }
                }
            }
            await send(stream.state.withLock { $0.ending(Completion(answer)) })
        }.adding(run.headers)
    }

    /// Events come one after the other, but from a task of the pipeline's.
    private final class Shared: Sendable {
        let state: Mutex<MessagesStream>
        init(_ stream: MessagesStream) { state = Mutex(stream) }
    }
}
