import Foundation
import Synchronization

/// Work on another thread beside a thread that must not be left, as that of a database transaction.
final class BesideTask: Sendable {
    private let group = DispatchGroup()
    private let failure = Mutex<(any Error)?>(nil)

    init(_ work: @escaping @Sendable () throws -> Void) {
        DispatchQueue.global(qos: .userInitiated).async(group: group) { [self] in
            do { try work() } catch { failure.withLock { $0 = error } }
        }
    }

    /// Returns when the work is over, however it ended. May be called again.
    func wait() { group.wait() }

    /// Returns when the work is done.
    func finish() throws {
        wait()
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
