import Domain
import Foundation

/// Classifies Anthropic's errors, in a refusal's body or in an `error` event.
public enum AnthropicErrors {
    private static let kinds: [String: ProviderError.Kind] = [
        "invalid_request_error": .invalidRequest, "authentication_error": .authentication, "billing_error": .billing,
        "permission_error": .permission, "not_found_error": .notFound, "request_too_large": .invalidRequest,
        "rate_limit_error": .rateLimited, "api_error": .serverError, "timeout_error": .timeout, "overloaded_error": .overloaded,
    ]

    public static func error(_ failure: VendorFailure, provider: String, key: Secret?) -> ProviderError {
        let object = failure.json?["error"]
        let told = object?["type"]?.stringValue.flatMap { kinds[$0] }
        var kind = told ?? (failure.status >= 300 ? VendorFailure.kind(status: failure.status) : .serverError)

        let code = object?["error_code"] ?? object?["details"]?["error_code"] ?? failure.json?["error_code"]
        let message = failure.sentence
        // A spend limit comes as a 429 and an empty account as a 400; waiting cures neither.
        if code?.stringValue == "enforced_spend_limit_reached" || message.localizedLowercase.contains("credit balance is too low") {
            kind = .billing
        }
        return ProviderError(
            kind, provider: provider, status: failure.status, message: Redaction.redact(message, key: key),
            retryAfter: RetryAfter.seconds(failure.headers),
            requestID: failure.headers["request-id"] ?? failure.json?["request_id"]?.stringValue)
    }
}
