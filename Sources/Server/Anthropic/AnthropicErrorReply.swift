import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Providers

/// Anthropic's error object (https://platform.claude.com/docs/en/api/errors).
enum AnthropicErrorReply {
    static let version = HTTPField.Name("anthropic-version")!

    /// Whether a reply should be in Anthropic's form: its own endpoint, or one that two vendors have,
    /// asked by an Anthropic client.
    static func speaks(_ request: Request) -> Bool { request.uri.path.hasPrefix("/v1/messages") || request.headers[version] != nil }

    static func response(_ error: APIError, requestID: String) -> Response {
        // Their overload has a status of its own.
        let status = error.code == "provider_overloaded" ? HTTPResponse.Status(code: 529) : error.status
        var response = Response.json(data: Data(body(error, requestID: requestID).serialized().utf8), status: status)
        if let retryAfter = error.retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        return response.adding(error.headers)
    }

    static func body(_ error: APIError, requestID: String) -> JSONValue {
        let type: String =
            switch error.status.code {
            case _ where error.code == "provider_overloaded": "overloaded_error"
            case 400, 405, 409, 415, 417, 421, 422: "invalid_request_error"
            case 401: "authentication_error"
            case 402: "billing_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 504: "timeout_error"
            default: "api_error"
            }
        return ["type": "error", "error": ["type": .string(type), "message": .string(error.message)], "request_id": .string(requestID)]
    }
}
