import Foundation
import Synchronization

/// A lock on a file that ends with the process, however that ends.
package final class FileLock: Sendable {
    private let descriptor: Int32

    /// - Returns: nil where another process holds it.
    package init?(_ file: URL) throws {
        let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocatedError("cannot open \(file.path): \(String(cString: strerror(errno)))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}

/// Locks nobody gives back.
package final class HeldLocks: Sendable {
    private let locks = Mutex<[FileLock]>([])
    package init() {}

    package func keep(_ lock: FileLock) { locks.withLock { $0.append(lock) } }
}
