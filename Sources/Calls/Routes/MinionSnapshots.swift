import Logging
import Providers
import Store
import Synchronization

/// From a minion token to its minion without a database read for every request.
///
/// A snapshot is used while ``StoreChanges`` counts no write of its user's rows, and for one second at
/// most, which is the bound for what another process writes. While the database cannot be reached, and
/// then only, one may be used for as long as the operator allows: `outage`, from when it was read. Its keys
/// are in memory that long, as ``Secret`` only: a counted write drops them at once, and whatever is too old
/// goes with the next snapshot that is made.
public final class MinionSnapshots: Sendable {
    /// Tokens that are remembered at once.
    static let capacity = 4096
    static let lifetime: Duration = .seconds(1)

    private struct Entry {
        var snapshot: MinionSnapshot
        var version: UInt64
        var readAt: ContinuousClock.Instant
        var expires: ContinuousClock.Instant { readAt + lifetime }
        /// One request reads the rows again in the second half of an entry's life, so that its end does
        /// not make everybody read them at once.
        var isBeingRenewed = false
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var swept: ContinuousClock.Instant
        /// Whether the database could not be reached and has not answered since.
        var isAway = false
    }

    private let store: Store
    private let caller: ModelCaller
    private let outage: Duration
    private let patience: Duration
    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: Mutex<State>

    /// - Parameters:
    ///   - outage: how long after it was read a snapshot may be used while the database cannot be reached; zero for not at all.
    ///   - patience: a database that has not answered for this long is not waited for where there is a snapshot.
    ///   - now: the clock, for tests.
    public init(
        caller: ModelCaller, outage: Duration = .seconds(300), patience: Duration = .seconds(2), logger: Logger,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        store = caller.store
        self.caller = caller
        self.outage = outage
        self.patience = patience
        self.logger = logger
        self.now = now
        state = Mutex(State(swept: now()))
        store.changes.observe { [weak self] user in self?.drop(user) }
    }

    /// What the token speaks for; nil for a token nobody has and for a closed account's.
    /// - Throws: ``DatabaseError``, where there is no snapshot that may be used without the database.
    public func snapshot(forToken token: String) async throws -> MinionSnapshot? {
        let hash = Token.hash(token)
        switch find(hash, now()) {
        case .usable(let snapshot): return snapshot
        case .none: return try await read(token, hash)
        case .old(let snapshot):
            do {
                return try await DeadlineExceeded.within(patience, "the database") { [self] in try await read(token, hash) }
            } catch DatabaseError.unavailable {
                noteOutage()
                return snapshot
            } catch is DeadlineExceeded {
                noteOutage()
                return snapshot
            }
        }
    }

    private func read(_ token: String, _ hash: String) async throws -> MinionSnapshot? {
        let readAt = now()
        // Whose it is must be known before the version can be taken, and the version must be taken
        // before what is kept is read.
        guard let owner = try await store.minion(forToken: token)?.userID else { return forget(hash) }
        let version = store.changes.version(of: owner)
        guard let minion = try await store.minion(forToken: token) else { return forget(hash) }
        let snapshot = try await snapshot(of: minion)
        keep(Entry(snapshot: snapshot, version: version, readAt: readAt), as: hash, readAt)
        return snapshot
    }

    /// A token that speaks for nobody any more speaks for nobody in an outage either.
    private func forget(_ hash: String) -> MinionSnapshot? {
        state.withLock { $0.entries[hash] = nil }
        return nil
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
        return MinionSnapshot(minion: minion, adapter: adapter, canaryAdapter: canaryAdapter, targets: try await caller.targets(of: minion))
    }

    private enum Found {
        case usable(MinionSnapshot)
        /// Only if the database cannot be reached.
        case old(MinionSnapshot)
        case none
    }

    private func find(_ hash: String, _ now: ContinuousClock.Instant) -> Found {
        state.withLock { state in
            guard let entry = state.entries[hash], entry.version == store.changes.version(of: entry.snapshot.minion.userID) else { return .none }
            let mayOutlast = entry.readAt + outage > now
            if state.isAway, mayOutlast { return .usable(entry.snapshot) }
            if entry.expires > now {
                // One request reads it anew, in time for the others.
                guard !entry.isBeingRenewed, entry.expires - now < Self.lifetime / 2 else { return .usable(entry.snapshot) }
                state.entries[hash]?.isBeingRenewed = true
            }
            return mayOutlast ? .old(entry.snapshot) : .none
        }
    }

    private func keep(_ entry: Entry, as hash: String, _ now: ContinuousClock.Instant) {
        let outage = max(outage, Self.lifetime)
        state.withLock { state in
            if state.swept + Self.lifetime <= now {
                state.entries = state.entries.filter { $0.value.readAt + outage > now }
                state.swept = now
            }
            if state.entries.count >= Self.capacity {
                // Those kept for an outage only go first. Full within a second: any one makes room, none is older than that.
                state.entries = state.entries.filter { $0.value.expires > now }
                if state.entries.count >= Self.capacity, let some = state.entries.keys.first { state.entries[some] = nil }
            }
            state.entries[hash] = entry
        }
    }

    /// From now on snapshots are used without asking the database, until it answers.
    private func noteOutage() {
        let isFirst = state.withLock { state in
            defer { state.isAway = true }
            return !state.isAway
        }
        guard isFirst else { return }
        logger.warning(
            "the database cannot be reached: direct chats go on with what is in memory, each for \(outage.components.seconds) s from when it was read"
        )
        Task { [weak self, store, logger] in
            while self != nil {
                do { try await store.ping() } catch {
                    try? await Task.sleep(for: .milliseconds(200))
                    continue
                }
                self?.state.withLock { $0.isAway = false }
                return logger.notice("the database answers again")
            }
        }
    }

    private func drop(_ user: String?) {
        state.withLock { state in
            guard let user else { return state.entries.removeAll() }
            state.entries = state.entries.filter { $0.value.snapshot.minion.userID != user }
        }
    }
}
