import Domain
import Foundation
import Providers
import Store

/// Joins a provider's facts with what the user has stored for it.
public enum ProviderEndpoint {
    /// An address with the key that goes there; no key where the provider needs none and none is stored.
    public struct Choice: Sendable {
        public var endpoint: Endpoint
        public var key: OpenedKey?
    }

    /// One choice for each active key of the user.
    /// - Throws: ``ProviderError`` of kind `.noKey` where a key is needed and none can be used.
    public static func choices(_ info: ProviderInfo, rows: UserStore, baseURL: String? = nil) async throws -> [Choice] {
        let opened: [OpenedKey]
        do { opened = try await rows.openProviderKeys(info.id) } catch let error as KeyVault.Failure { throw unusable(error, info) }
        guard opened.isEmpty else { return try opened.map { Choice(endpoint: try endpoint(info, key: $0, baseURL: baseURL), key: $0) } }
        return [Choice(endpoint: try endpoint(info, key: nil, baseURL: baseURL), key: nil)]
    }

    /// The address for one key.
    public static func endpoint(_ info: ProviderInfo, key: OpenedKey?, baseURL: String? = nil) throws -> Endpoint {
        if info.needsKey, key == nil {
            throw ProviderError(
                .noKey, provider: info.id, message: "no active key for \(info.name) is stored: add one with POST /api/users/{user_id}/providers")
        }
        return try endpoint(info, secret: key?.key, baseURL: baseURL ?? key?.baseURL)
    }

    /// The address for a key that is not stored yet.
    public static func endpoint(_ info: ProviderInfo, secret: String?, baseURL: String?) throws -> Endpoint {
        guard let url = baseURL ?? info.defaultBaseURL else {
            throw ProviderError(.invalidRequest, provider: info.id, message: "\(info.name) needs a base_url, on the minion or on the provider's key")
        }
        let trimmed = String(url.reversed().drop { $0 == "/" }.reversed())
        // An empty key is what key-less endpoints are stored with.
        return Endpoint(baseURL: trimmed, key: secret.flatMap { $0.isEmpty ? nil : Secret($0) })
    }

    /// A stored key that the vault does not open.
    public static func unusable(_ failure: KeyVault.Failure, _ info: ProviderInfo) -> ProviderError {
        ProviderError(.noKey, provider: info.id, message: failure.description)
    }
}
