import Pipeline
import ServiceLifecycle

/// Brings usage from the journal into the database while the server runs, and the rest when it ends.
struct JournalService: Service, CustomStringConvertible {
    let journal: UsageJournal
    let description = "usage journal"

    func run() async throws {
        await cancelWhenGracefulShutdown { await journal.run() }
        // In a task of its own: a shutdown that takes too long cancels this one.
        try await Task { try await journal.close() }.value
    }
}
