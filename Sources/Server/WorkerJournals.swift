import Foundation
import Logging
import Pipeline
import Store

/// The usage journals of worker processes: a folder for each, held by a lock while the process lives. What one that
/// was killed has left is recorded by the next process that looks.
enum WorkerJournals {
    private static let root = "usage-workers"
    /// Kept until the process ends, however it does.
    private static let held = HeldLocks()

    /// A new folder, this process's own.
    static func own(_ data: DataDirectory) throws -> URL {
        let folder = try data.folder("\(root)/\(UUID().uuidString)")
        guard let lock = try FileLock(folder.appending(path: "lock")) else { throw LocatedError("the lock of \(folder.path) is taken") }
        held.keep(lock)
        return folder
    }

    /// Records what dead workers have left.
    static func adopt(_ data: DataDirectory, store: Store, logger: Logger) async throws {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: data.url(root).path)) ?? []
        for name in names {
            let folder = data.url("\(root)/\(name)")
            guard let lock = try FileLock(folder.appending(path: "lock")) else { continue }
            try await UsageJournal(folder: folder, usage: store.usage, logger: logger).close()
            try data.remove("\(root)/\(name)")
            _ = consume lock
        }
    }
}
