import AsyncHTTPClient
import Domain
import NIOCore

/// Turns what the HTTP client throws into a ``ProviderError``.
enum TransportFailure {
    /// Cancellation and provider errors pass through unchanged.
    static func error(_ error: any Error, provider: String, url: String?) -> any Error {
        if error is CancellationError || error is ProviderError { return error }
        if let error = error as? UnusableReply { return ProviderError(.malformedReply, provider: provider, message: "\(error)") }
        if error is ForbiddenAddress { return ProviderError.unreachable(url.flatMap { try? UpstreamURL($0).host } ?? "", provider: provider) }
        let target = url.map { " \($0)" } ?? ""
        if let error = error as? HTTPClientError {
            if error == .cancelled { return CancellationError() }
            if timeouts.contains(where: { $0 == error }) {
                return ProviderError(.timeout, provider: provider, message: "no answer from\(target) in time: \(error.shortDescription)")
            }
            if unusable.contains(where: { $0 == error }) {
                return ProviderError(.invalidRequest, provider: provider, message: "the base URL\(target) cannot be used: \(error.shortDescription)")
            }
            return ProviderError(.connection, provider: provider, message: "the connection to\(target) failed: \(error.shortDescription)")
        }
        if let error = error as? ChannelError, case .connectTimeout = error {
            return ProviderError(.timeout, provider: provider, message: "no connection to\(target) in time")
        }
        return ProviderError(
            .connection, provider: provider,
            message: Redaction.redact("cannot reach\(target): \(error). Check the base URL and that the server is running"))
    }

    private static let timeouts: [HTTPClientError] = [
        .readTimeout, .writeTimeout, .connectTimeout, .tlsHandshakeTimeout, .deadlineExceeded,
        .getConnectionFromPoolTimeout, .httpProxyHandshakeTimeout, .socksHandshakeTimeout,
    ]

    private static let unusable: [HTTPClientError] = [.invalidURL, .emptyHost, .emptyScheme, .missingSocketPath]
}
