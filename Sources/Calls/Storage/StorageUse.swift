import Store
import Synchronization

/// Bytes a user keeps, and those on their way.
struct StorageUse: Sendable {
    /// As the rows said last, and what was kept since.
    var kept = 0
    var arriving = 0
    /// Raised whenever something was kept: a sum read before is then too old.
    var generation = 0
}

/// Room for an upload: taken as the bytes arrive, so that several at once cannot pass the limit together.
public final class StorageReservation: Sendable {
    private let account: MeterAccount
    private let refused: @Sendable (LimitExceeded) -> Void
    private let taken = Mutex(0)

    init(account: MeterAccount, refused: @escaping @Sendable (LimitExceeded) -> Void) {
        self.account = account
        self.refused = refused
    }

    /// - Throws: ``LimitExceeded`` before the bytes are kept.
    public func take(_ bytes: Int) throws(LimitExceeded) {
        let exceeded: LimitExceeded? = account.state.withLock { state in
            let used = state.storage.kept.adding(state.storage.arriving)
            if let limit = state.limits.storageBytes, used.adding(bytes) > limit {
                return LimitExceeded(
                    scope: state.settings.scope(of: .storageBytes), what: .storageBytes, limit: Double(limit), used: Double(used),
                    asked: Double(bytes), retryAfter: nil)
            }
            state.storage.arriving += bytes
            return nil
        }
        if let exceeded {
            refused(exceeded)
            throw exceeded
        }
        taken.withLock { $0 += bytes }
    }

    /// The upload is kept: its bytes are no longer on their way.
    public func keep() { end(kept: true) }

    private func end(kept: Bool) {
        let bytes = taken.withLock { taken in
            defer { taken = 0 }
            return taken
        }
        account.state.withLock { state in
            state.storage.arriving -= bytes
            guard kept else { return }
            state.storage.kept = state.storage.kept.adding(bytes)
            state.storage.generation += 1
        }
    }

    deinit { end(kept: false) }
}
