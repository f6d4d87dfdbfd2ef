import Foundation
import Hummingbird
import Pipeline
import Providers
import Store

/// `/v1`: a minion, seen as an OpenAI model. The minion token is the API key.
struct OpenAIController: Sendable {
    let pipeline: AnswerPipeline
    let meter: Meter

    func routes(_ group: RouterGroup<AppContext>) {
        group.get("models", use: models)
        group.get("models/{model}", use: model)
        group.post("chat/completions", use: chat)
    }

    @Sendable func models(_ request: Request, context: AppContext) async throws -> Response {
        let minion = try minion(request, context)
        return .json(data: Data(JSONValue.object(["object": "list", "data": [Self.entry(minion)]]).serialized().utf8))
            .adding(try await meter.headers(user: minion.userID, minion: minion.id))
    }

    @Sendable func model(_ request: Request, context: AppContext) async throws -> Response {
        let minion = try minion(request, context)
        let name = try context.parameters.require("model").removingPercentEncoding ?? ""
        guard Self.names(minion).contains(name) else { throw Self.unknownModel(name, minion) }
        return .json(data: Data(Self.entry(minion).serialized().utf8)).adding(try await meter.headers(user: minion.userID, minion: minion.id))
    }

    @Sendable func chat(_ request: Request, context: AppContext) async throws -> Response {
        let minion = try minion(request, context)
        let buffer = try await request.body.collect(upTo: AppContext.maxConversationBytes)
        guard let object = (try? JSONValue(parsing: buffer))?.objectValue else {
            throw APIError.badRequest("We could not parse the JSON body of your request.", code: "invalid_json")
        }
        let parsed = try ChatCompletionRequest(object)
        guard Self.names(minion).contains(parsed.model) else { throw Self.unknownModel(parsed.model, minion) }
        let reply = ChatCompletionReply(model: parsed.model)
        // Let in, or refused, while there is still a status line to say so.
        let answer = try await pipeline.ask(minion, parsed.question)
        guard parsed.question.stream else { return try await whole(answer, reply).adding(answer.headers) }
        return ServerSentEvents.response { send in
            do {
                send(ServerSentEvents.frame(data: reply.chunk(["role": "assistant", "content": ""])))
                for try await event in answer.events {
                    switch event {
                    case .stage: break
                    case .text(let text): send(ServerSentEvents.frame(data: reply.chunk(["content": .string(text)])))
                    case .done(let answer):
                        send(ServerSentEvents.frame(data: reply.chunk([:], finish: answer.finishReason)))
                        if parsed.includeUsage { send(ServerSentEvents.frame(data: reply.usageChunk(answer))) }
                        send(ServerSentEvents.frame(data: "[DONE]"))
                    }
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                // No [DONE]: a cut answer must not look like a whole one.
                send(ServerSentEvents.frame(data: String(decoding: OpenAIErrors.body(APIError(error)), as: UTF8.self)))
            }
        }.adding(answer.headers)
    }

    private func whole(_ stream: AnswerStream, _ reply: ChatCompletionReply) async throws -> Response {
        for try await event in stream.events {
            if case .done(let answer) = event { return .json(data: Data(reply.whole(answer).utf8)) }
        }
        throw CancellationError()
    }

    private func minion(_ request: Request, _ context: AppContext) throws -> Minion {
        guard case .minion(let minion) = context.identity else { throw OpenAIErrors.wrongKey(AuthMiddleware.bearer(request)) }
        return minion
    }

    private static func names(_ minion: Minion) -> Set<String> { [minion.displayName, minion.name, minion.id] }

    private static func entry(_ minion: Minion) -> JSONValue {
        [
            "id": .string(minion.displayName), "object": "model", "created": .int(Int(minion.createdAt.timeIntervalSince1970)), "owned_by": "atelier",
        ]
    }

    private static func unknownModel(_ name: String, _ minion: Minion) -> APIError {
        APIError(
            status: .notFound, code: "model_not_found",
            message: "The model `\(name.prefix(100))` does not exist or this token does not speak for it; it speaks for `\(minion.displayName)`.",
            details: [.init(field: "model")])
    }
}
