import Calls
import Files
import Logging
import ServiceLifecycle
import Store

/// Brings usage from the journal into the database while the process runs, and the rest when it ends; and what other
/// processes left when they were killed.
struct JournalService: Service, CustomStringConvertible {
    let journal: UsageJournal
    let data: DataDirectory
    let store: Store
    let logger: Logger
    let description = "usage journal"

    init(_ app: App) {
        (journal, data, store, logger) = (app.journal, app.data, app.store, app.logger)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await journal.run() }
                group.addTask {
                    while !Task.isCancelled {
                        await WorkerJournals.adopt(data, store: store, logger: logger)
                        try? await Task.sleep(for: WorkerJournals.interval)
                    }
                }
            }
        }
        // In a task of its own: a shutdown that takes too long cancels this one.
        try await Task { try await journal.close() }.value
    }
}
