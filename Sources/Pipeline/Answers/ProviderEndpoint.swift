import Foundation
import Providers
import Store

/// Joins a provider's facts with what the user has stored for it.
public enum ProviderEndpoint {
    /// The address and key of one of the user's providers.
    public static func resolve(_ info: ProviderInfo, rows: UserStore, baseURL: String? = nil) async throws -> Endpoint {
        try await open(info, rows: rows, baseURL: baseURL).endpoint
    }

    /// The same, with the id of the key.
    public static func open(_ info: ProviderInfo, rows: UserStore, baseURL: String? = nil) async throws -> (endpoint: Endpoint, keyID: String?) {
        let opened: OpenedKey?
        do { opened = try await rows.openProviderKey(info.id) } catch let error as KeyVault.Failure {
            throw ProviderError(.noKey, provider: info.id, message: error.description)
        }
        if info.needsKey, opened == nil {
            throw ProviderError(
                .noKey, provider: info.id, message: "no active key for \(info.name) is stored: add one with POST /api/users/{user_id}/providers")
        }
        guard let url = baseURL ?? opened?.baseURL ?? info.defaultBaseURL else {
            throw ProviderError(.invalidRequest, provider: info.id, message: "\(info.name) needs a base_url, on the minion or on the provider's key")
        }
        let trimmed = String(url.reversed().drop { $0 == "/" }.reversed())
        // An empty key is what key-less endpoints are stored with.
        return (Endpoint(baseURL: trimmed, key: opened.flatMap { $0.key.isEmpty ? nil : Secret($0.key) }), opened?.id)
    }
}
