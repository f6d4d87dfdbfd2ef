import Domain

/// Classifies Ollama's errors: `{"error":"…"}` with a status, or as a line of a stream.
public enum OllamaErrors {
    public static func error(_ failure: VendorFailure, provider: String, key: Secret?) -> ProviderError {
        ProviderError(
            failure.status >= 300 ? VendorFailure.kind(status: failure.status) : .serverError, provider: provider, status: failure.status,
            message: Redaction.redact(failure.sentence, key: key), retryAfter: RetryAfter.seconds(failure.headers))
    }
}
