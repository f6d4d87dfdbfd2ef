import ServiceLifecycle

/// A service whose tasks run on the event loops, as far as they do not choose otherwise.
struct EventLoopService<Base: Service>: Service, CustomStringConvertible {
    let base: Base
    let description: String

    func run() async throws {
        try await withTaskExecutorPreference(EventLoopExecutor.shared) { try await base.run() }
    }
}

/// A service beside those: its work must not hold up the event loops.
struct BackgroundService: Service, CustomStringConvertible {
    let base: any Service
    var description: String { "\(base)" }

    func run() async throws {
        try await withTaskExecutorPreference(globalConcurrentExecutor) { try await base.run() }
    }
}
