import Foundation
import Pipeline
import Store
import Synchronization

/// Whether the database and the data directory take what is written, for readiness. It tries, and remembers what it found
/// for a few seconds: anybody may ask.
final class StorageProbe: Sendable {
    struct State: Sendable {
        var database: String
        var disk: String
    }

    private static let lifetime: Duration = .seconds(5)
    private let store: Store
    private let data: DataDirectory
    private let last = Mutex<(state: State, at: ContinuousClock.Instant)?>(nil)

    init(store: Store, data: DataDirectory) {
        self.store = store
        self.data = data
    }

    func state() async -> State {
        if let last = last.withLock({ $0 }), .now - last.at < Self.lifetime { return last.state }
        var state = State(database: "ok", disk: DiskSpace.isExhausted(in: data.root.path) ? "full" : "ok")
        do { try await store.probeWriting() } catch DatabaseError.diskFull { state.database = "takes no writes: its disk is full" } catch {
            state.database = "not reachable"
        }
        // What is wrong is looked at again each time, so that its end shows at once.
        last.withLock { $0 = state.database == "ok" && state.disk == "ok" ? (state, .now) : nil }
        return state
    }
}
