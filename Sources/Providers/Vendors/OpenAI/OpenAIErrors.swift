import Domain

/// Classifies OpenAI-style errors, in a refusal's body or inside a stream.
public enum OpenAIErrors {
    /// 429 codes that waiting does not cure. Source: OpenAI's error codes guide.
    private static let billing: Set<String> = [
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded", "billing_hard_limit_reached", "billing_not_active",
    ]

    /// Codes and types that say more than the status, or come inside a stream without one.
    private static let kinds: [String: ProviderError.Kind] = [
        "rate_limit_exceeded": .rateLimited, "rate_limit_error": .rateLimited, "slow_down": .rateLimited,
        "overloaded_error": .overloaded, "overloaded": .overloaded, "server_error": .serverError, "internal_server_error": .serverError,
        "invalid_api_key": .authentication, "authentication_error": .authentication, "permission_error": .permission,
        "model_not_found": .notFound, "not_found_error": .notFound, "invalid_request_error": .invalidRequest,
        "context_length_exceeded": .invalidRequest, "exceed_context_size_error": .invalidRequest, "timeout": .timeout,
    ]

    /// The error that stands inside a choice, as OpenRouter puts it; `nil` where there is none.
    static func failure(_ choice: JSONValue, provider: String, key: Secret?) -> ProviderError? {
        guard let error = choice["error"], !error.isNull else { return nil }
        return Self.error(VendorFailure(status: 200, json: ["error": error]), provider: provider, key: key)
    }

    public static func error(_ failure: VendorFailure, provider: String, key: Secret?) -> ProviderError {
        let object = failure.json?["error"]
        let codes = [object?["code"], object?["type"], failure.json?["code"], failure.json?["type"]].compactMap { $0?.stringValue }
        // NVIDIA and OpenRouter put the status there as a number.
        let number = object?["code"]?.intValue ?? failure.json?["status"]?.intValue
        let status = failure.status >= 300 ? failure.status : number.flatMap { (300..<600).contains($0) ? $0 : nil }

        let kind: ProviderError.Kind
        if codes.contains(where: billing.contains) {
            kind = .billing
        } else if let status, status >= 500 || status == 401 || status == 402 || status == 403 {
            kind = VendorFailure.kind(status: status)
        } else if let told = codes.lazy.compactMap({ kinds[$0] }).first, status == nil || told != .invalidRequest {
            kind = told
        } else {
            kind = status.map(VendorFailure.kind(status:)) ?? .serverError
        }
        return ProviderError(
            kind, provider: provider, status: status ?? failure.status, message: Redaction.redact(failure.sentence, key: key),
            retryAfter: RetryAfter.seconds(failure.headers),
            requestID: failure.headers["x-request-id"] ?? failure.headers["nvcf-reqid"])
    }
}
