import ServiceLifecycle

/// Starts jobs whose time has come, keeps the reserve for a full disk whole, and clears up once an hour what killed processes
/// left and what is kept for jobs that may go on.
struct SchedulerService: Service, CustomStringConvertible {
    let app: App
    let description = "scheduler"

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await app.scheduler.run() }
                group.addTask {
                    while !Task.isCancelled {
                        app.reserve?.refill()
                        try? await Task.sleep(for: .seconds(10))
                    }
                }
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: .seconds(3600))
                        if Task.isCancelled { break }
                        do {
                            try await app.housekeeping.sweepJobs()
                            try await app.housekeeping.sweepAudit()
                            try await app.housekeeping.sweepUploads()
                        } catch { app.logger.warning("cannot clear up: \(error)") }
                    }
                }
            }
        }
    }
}
