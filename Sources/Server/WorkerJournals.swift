import Calls
import Files
import Foundation
import Logging
import Store

/// The usage journals of the processes on a data directory: the server's in `usage/`, and a folder in `usage-workers/` for
/// each worker. Each is held by a lock while its process lives. What a process that was killed has left is recorded by
/// whichever other one looks next; they look every ``interval``.
enum WorkerJournals {
    static let interval: Duration = .seconds(15)
    private static let root = "usage-workers"
    private static let servers = "usage"
    /// Kept until the process ends, however it does.
    private static let held = HeldLocks()

    /// Held while a server lives, and by a worker for the moment in which it takes over what a dead server left.
    static func serverLock(_ data: DataDirectory) -> URL { data.url("usage.lock") }

    static func server(_ data: DataDirectory) throws -> URL { try data.folder(servers) }

    /// A new folder, this process's own.
    static func own(_ data: DataDirectory) throws -> URL {
        let name = UUID().uuidString
        // It gets its name when it is locked: until then nobody may take it for a dead worker's.
        let unnamed = try data.folder("\(root)/.\(name)")
        guard let lock = try FileLock(unnamed.appending(path: "lock")) else { throw LocatedError("the lock of \(unnamed.path) is taken") }
        held.keep(lock)
        let folder = data.url("\(root)/\(name)")
        try FileManager.default.moveItem(at: unnamed, to: folder)
        return folder
    }

    /// Records what dead processes have left. What cannot be recorded now is left for the next time.
    static func adopt(_ data: DataDirectory, store: Store, logger: Logger) async {
        do { try takeServers(data) } catch { logger.warning("what a dead server left is not taken over yet: \(error)") }
        for name in children(data, root) where !name.hasPrefix(".") {
            let folder = "\(root)/\(name)"
            do {
                guard let lock = try FileLock(data.url("\(folder)/lock")) else { continue }
                try await UsageJournal(folder: data.url(folder), usage: store.usage, logger: logger).close()
                try data.remove(folder)
                // Until here: another that looks for it finds it held, or gone.
                withExtendedLifetime(lock) {}
            } catch { logger.warning("what is left in \(folder) is not recorded yet: \(error)") }
        }
    }

    /// Moves the files of a server that is gone into a folder like a dead worker's. A new server, which waits for the lock, can
    /// start at once.
    private static func takeServers(_ data: DataDirectory) throws {
        guard !children(data, servers).isEmpty, let lock = try FileLock(serverLock(data)) else { return }
        let folder = "\(root)/\(UUID().uuidString)"
        _ = try data.folder(folder)
        guard let own = try FileLock(data.url("\(folder)/lock")) else { return }
        for file in children(data, servers) {
            try FileManager.default.moveItem(at: data.url("\(servers)/\(file)"), to: data.url("\(folder)/\(file)"))
        }
        withExtendedLifetime((lock, own)) {}
    }

    private static func children(_ data: DataDirectory, _ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: data.url(path).path)) ?? []
    }
}
