import Providers
import Store
import Synchronization

/// From a minion token to its minion without a database read for every request.
///
/// A snapshot is used while ``StoreChanges`` counts no write of its user's rows, and for one second at
/// most, which is the bound for what another process writes. Its keys are in memory that long, as
/// ``Secret`` only: a counted write drops them at once, and whatever is too old goes with the next
/// snapshot that is made.
public final class MinionSnapshots: Sendable {
    /// Tokens that are remembered at once.
    static let capacity = 4096
    static let lifetime: Duration = .seconds(1)

    private struct Entry {
        var snapshot: MinionSnapshot
        var version: UInt64
        var expires: ContinuousClock.Instant
        /// One request reads the rows again in the second half of an entry's life, so that its end does
        /// not make everybody read them at once.
        var isBeingRenewed = false
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var swept: ContinuousClock.Instant
    }

    private let store: Store
    private let catalog: ProviderCatalog
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: Mutex<State>

    /// - Parameter now: the clock, for tests.
    public init(store: Store, catalog: ProviderCatalog, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.store = store
        self.catalog = catalog
        self.now = now
        state = Mutex(State(swept: now()))
        store.changes.observe { [weak self] user in self?.drop(user) }
    }

    /// What the token speaks for; nil for a token nobody has and for a closed account's.
    public func snapshot(forToken token: String) async throws -> MinionSnapshot? {
        let hash = Token.hash(token)
        let now = now()
        if let snapshot = usable(hash, now) { return snapshot }
        // Whose it is must be known before the version can be taken, and the version must be taken
        // before what is kept is read.
        guard let owner = try await store.minion(forToken: token)?.userID else { return nil }
        let version = store.changes.version(of: owner)
        guard let minion = try await store.minion(forToken: token) else { return nil }
        let snapshot = try await snapshot(of: minion)
        keep(Entry(snapshot: snapshot, version: version, expires: now + Self.lifetime), as: hash, now)
        return snapshot
    }

    /// A fresh one, for a caller who knows the minion otherwise.
    public func snapshot(of minion: Minion) async throws -> MinionSnapshot {
        let rows = store.user(minion.userID)
        func adapterOf(_ release: String?) async throws -> Adapter? {
            guard let release, let id = try await rows.release(release).adapterID else { return nil }
            return try await rows.adapter(id)
        }
        let adapter = try await adapterOf(minion.releaseID)
        let canaryAdapter = try await adapterOf(minion.canary?.releaseID)
        let providers = [minion.provider] + minion.fallbacks.map(\.provider)
        let selection = try await catalog.selection(for: minion)
        let registry = selection?.registry ?? catalog.standard
        let needsLease = providers.contains { registry[$0]?.info.isManaged ?? false }
        let resolved =
            needsLease
            ? RouteResolver.Resolved() : try await RouteResolver(store: store, registry: registry).resolve(minion, lease: nil, scale: 1)
        return MinionSnapshot(
            minion: minion, adapter: adapter, canaryAdapter: canaryAdapter, resolved: resolved, selection: selection, needsLease: needsLease)
    }

    private func usable(_ hash: String, _ now: ContinuousClock.Instant) -> MinionSnapshot? {
        state.withLock { state in
            guard let entry = state.entries[hash], entry.expires > now, entry.version == store.changes.version(of: entry.snapshot.minion.userID)
            else { return nil }
            if !entry.isBeingRenewed, entry.expires - now < Self.lifetime / 2 {
                state.entries[hash]?.isBeingRenewed = true
                return nil
            }
            return entry.snapshot
        }
    }

    private func keep(_ entry: Entry, as hash: String, _ now: ContinuousClock.Instant) {
        state.withLock { state in
            if state.swept + Self.lifetime <= now {
                state.entries = state.entries.filter { $0.value.expires > now }
                state.swept = now
            }
            // Full within a second: any one makes room, none is older than that.
            if state.entries.count >= Self.capacity, let some = state.entries.keys.first { state.entries[some] = nil }
            state.entries[hash] = entry
        }
    }

    private func drop(_ user: String?) {
        state.withLock { state in
            guard let user else { return state.entries.removeAll() }
            state.entries = state.entries.filter { $0.value.snapshot.minion.userID != user }
        }
    }
}
