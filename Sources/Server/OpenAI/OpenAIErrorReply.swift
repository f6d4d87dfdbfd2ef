import Domain
import Foundation
import Hummingbird
import Providers
import Store

/// OpenAI's error object (https://platform.openai.com/docs/guides/error-codes).
enum OpenAIErrorReply {
    static func response(_ error: APIError) -> Response {
        var response = Response.json(data: body(error), status: error.status)
        if let retryAfter = error.retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        return response.adding(error.headers)
    }

    static func body(_ error: APIError) -> Data {
        let type: String =
            switch error.status.code {
            case 401: "invalid_request_error"
            case 400, 404, 405, 409, 413, 415, 417, 421, 422: "invalid_request_error"
            case 429: error.limit?.isQuota == true ? "insufficient_quota" : "rate_limit_error"
            default: "api_error"
            }
        // What OpenAI calls a sum that is used up, and a speed that is passed.
        let limited = error.limit.map { $0.isQuota ? "insufficient_quota" : "rate_limit_exceeded" }
        let code = error.status == .unauthorized ? "invalid_api_key" : limited ?? error.code
        let object: JSONValue = [
            "error": [
                "message": .string(error.message), "type": .string(type), "param": error.details.first?.field.map { .string($0) } ?? .null,
                "code": .string(code),
            ]
        ]
        return Data(object.serialized().utf8)
    }

    static func unknownModel(_ name: String, _ minion: Minion) -> APIError {
        APIError(
            status: .notFound, code: "model_not_found",
            message: "The model `\(name.prefix(100))` does not exist or this token does not speak for it; it speaks for `\(minion.displayName)`.",
            details: [.init(field: "model")])
    }

    static func unknownEmbeddingModel(_ name: String, _ models: [String]) -> APIError {
        let known = models.map { "`\($0)`" }.joined(separator: ", ")
        return APIError(
            status: .notFound, code: "model_not_found",
            message:
                "The model `\(name.prefix(100))` does not embed here; known: \(known). A minion's `pipeline.embedding_model` adds one of its provider's.",
            details: [.init(field: "model")])
    }

    /// OpenAI's 401, with all of the key but its ends hidden.
    static func wrongKey(_ key: String?) -> APIError {
        guard let key else {
            return APIError(
                status: .unauthorized, code: "invalid_api_key",
                message: "You didn't provide an API key. Send a minion token in an Authorization header: Authorization: Bearer minion_…")
        }
        let scalars = key.unicodeScalars
        let shown = scalars.count > 12 ? "\(String(scalars.prefix(4)))…\(String(scalars.suffix(2)))" : "…"
        return APIError(
            status: .unauthorized, code: "invalid_api_key",
            message: "Incorrect API key provided: \(shown). A minion's token is made with POST /api/users/{user_id}/minions/{minion_id}/token.")
    }
}
