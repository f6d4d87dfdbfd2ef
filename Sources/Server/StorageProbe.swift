import Calls
import Files
import Foundation
import Store
import Synchronization

/// Whether the database and the data directory take what is written, for readiness. It answers within ``patience``, however
/// long the database takes: anybody may ask, and a load balancer does not wait.
final class StorageProbe: Sendable {
    struct State: Sendable {
        var database: String
        var disk: String
    }

    /// How long the database may take to answer.
    static let patience: Duration = .seconds(1)
    /// How long all counts as well once it was, so that asking costs one write a second at most.
    private static let lifetime: Duration = .seconds(1)
    private let store: Store
    private let data: DataDirectory
    /// When all was well.
    private let last = Mutex<ContinuousClock.Instant?>(nil)
    /// The one question to the database that is under way: those who ask meanwhile wait for its answer.
    private let asking = Mutex<Task<String, Never>?>(nil)

    init(store: Store, data: DataDirectory) {
        self.store = store
        self.data = data
    }

    func state() async -> State {
        if let last = last.withLock({ $0 }), .now - last < Self.lifetime { return State(database: "ok", disk: "ok") }
        let disk = DiskSpace.isExhausted(in: data.root.path) ? "full" : "ok"
        let answer = question()
        let database =
            (try? await DeadlineExceeded.within(Self.patience, "the database") { await answer.value }) ?? "does not answer"
        // What is wrong is looked at again each time, so that its end shows at once.
        last.withLock { $0 = database == "ok" && disk == "ok" ? .now : nil }
        return State(database: database, disk: disk)
    }

    private func question() -> Task<String, Never> {
        asking.withLock { current in
            if let current { return current }
            let task = Task { [self] in
                defer { asking.withLock { $0 = nil } }
                do {
                    try await store.probeWriting()
                    return "ok"
                } catch DatabaseError.diskFull { return "takes no writes: its disk is full" } catch { return "not reachable" }
            }
            current = task
            return task
        }
    }
}
