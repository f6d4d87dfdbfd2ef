import Calls
import Crypto
import Domain
import Foundation
import Logging
import Providers
import Store

/// Exact response cache: the same request to the same minion in the same state gets the same reply,
/// which then costs nothing. A minion chooses it with ``PipelineSettings/cache``.
///
/// The key is a SHA-256 over the whole minion (its user, release, provider, model, base URL, fallbacks,
/// system prompt, every sampling and pipeline setting), the whole request, and the addresses behind the
/// providers it names. Both are encoded as a whole, so that a setting somebody adds is in the key without
/// being named here.
public struct ResponseCache: Sendable {
    private let store: Store
    private let catalog: ProviderCatalog
    private let bounds: ResponseCacheBounds
    private let logger: Logger

    public init(store: Store, catalog: ProviderCatalog, bounds: ResponseCacheBounds, logger: Logger) {
        self.store = store
        self.catalog = catalog
        self.bounds = bounds
        self.logger = logger
    }

    /// The place of one request's reply.
    public struct Entry: Sendable {
        public let hash: String
        let minion: Minion
    }

    /// - Parameters:
    ///   - request: everything the reply depends on beside the minion. Two requests that differ only in
    ///     whether they stream must be equal here.
    ///   - temperature: the request's own, where it has one.
    /// - Returns: nil where the minion's setting keeps this request out of the cache, or the cache cannot be used.
    public func entry(for minion: Minion, _ request: some Encodable, temperature: Double?) async -> Entry? {
        switch minion.pipeline.cache {
        case .off: return nil
        case .deterministic: guard (temperature ?? minion.sampling.temperature) == 0 else { return nil }
        case .always: break
        }
        do {
            return Entry(hash: try await hash(minion, request), minion: minion)
        } catch {
            logger.warning("the response cache cannot be used: \(error)")
            return nil
        }
    }

    private func hash(_ minion: Minion, _ request: some Encodable) async throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var state = minion
        // What a minion is, not when it was written.
        (state.createdAt, state.updatedAt, state.tokenHint) = (.distantPast, .distantPast, nil)
        var hasher = SHA256()
        // Each part with its length, so that no two requests can run together into the same bytes.
        for part in try [encoder.encode(state), encoder.encode(request), encoder.encode(await upstreams(minion)), Data("answer".utf8)] {
            withUnsafeBytes(of: UInt64(part.count).bigEndian) { hasher.update(bufferPointer: $0) }
            hasher.update(data: part)
        }
        return hasher.finalize().hex
    }

    /// The reply kept there. A cache that cannot be read is a miss.
    public func find<Reply: Decodable>(_ entry: Entry, as type: Reply.Type = Reply.self) async -> Reply? {
        do {
            let cached = try await store.user(entry.minion.userID).cachedReply(entry.hash, minionID: entry.minion.id)
            RequestTelemetry.current?.count(cacheHit: cached != nil)
            return try cached.map { try JSONDecoder().decode(type, from: Data($0.body.utf8)) }
        } catch {
            logger.warning("the response cache cannot be read: \(error)")
            return nil
        }
    }

    /// Keeps a reply. One that cannot be kept is given all the same.
    public func keep(_ reply: some Encodable, at entry: Entry) async {
        do {
            let body = String(decoding: try JSONEncoder().encode(reply), as: UTF8.self)
            try await store.user(entry.minion.userID).saveReply(
                entry.hash, minionID: entry.minion.id, releaseID: entry.minion.releaseID, body: body, bounds: bounds)
        } catch { logger.warning("an answer cannot be kept in the response cache: \(error)") }
    }

    /// What the names of providers stand for at this moment: addresses on the user's keys, and the
    /// definitions of providers that are data.
    private func upstreams(_ minion: Minion) async throws -> [[String]] {
        let rows = store.user(minion.userID)
        let names = [minion.provider] + minion.fallbacks.map(\.provider)
        let keys = try await rows.providerKeys().filter { names.contains($0.provider) && $0.isActive }
        var upstreams = keys.map { [$0.provider, $0.id, $0.baseURL ?? ""] }
        if names.contains(where: { catalog.standard[$0] == nil }) {
            upstreams += try await rows.definitions.visible().filter { names.contains($0.provider) }.map { [$0.provider, $0.definition] }
        }
        return upstreams
    }
}
