import Foundation
import Pipeline

/// One server a data directory: a second one would take the first one's running jobs for dead.
/// The lock ends with the process, however that ends.
final class DataDirectoryLock: Sendable {
    private let descriptor: Int32

    init(_ data: DataDirectory) throws {
        let path = data.url("server.lock").path
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocatedError("cannot open \(path): \(String(cString: strerror(errno)))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw LocatedError("another server is using the data directory \(data.root.path): stop it, or set ATELIER_DATA_DIR to another one")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
