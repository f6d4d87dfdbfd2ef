import Foundation
import Synchronization

/// A lock on a file that ends with the process, however that ends.
package final class FileLock: Sendable {
    private let descriptor: Int32

    /// - Returns: nil where another process holds it, or has removed it meanwhile.
    package init?(_ file: URL) throws {
        let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocatedError("cannot open \(file.path)", errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, Self.isNamed(descriptor, file.path) else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    /// Whether the open file is still the one that has this name.
    private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
        var (mine, named) = (stat(), stat())
        return fstat(descriptor, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev
    }

    deinit { close(descriptor) }
}

/// Locks nobody gives back.
package final class HeldLocks: Sendable {
    private let locks = Mutex<[FileLock]>([])
    package init() {}

    package func keep(_ lock: FileLock) { locks.withLock { $0.append(lock) } }
}
