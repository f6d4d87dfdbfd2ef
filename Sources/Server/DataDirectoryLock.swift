import Files
import Foundation

/// One server a data directory: two would drain one usage journal and sweep each other's uploads. Workers may be any
/// number. The lock ends with the process, however that ends.
final class DataDirectoryLock: Sendable {
    private let lock: FileLock
    private let usage: FileLock

    /// - Throws: ``LocatedError`` while another server lives.
    init(_ data: DataDirectory) async throws {
        guard let lock = try FileLock(data.url("server.lock")) else {
            throw LocatedError("another server is using the data directory \(data.root.path): stop it, or set ATELIER_DATA_DIR to another one")
        }
        self.lock = lock
        usage = try await Self.waitFor(WorkerJournals.serverLock(data))
    }

    /// A worker has it for a moment at most.
    private static func waitFor(_ file: URL) async throws -> FileLock {
        while true {
            if let lock = try FileLock(file) { return lock }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
