import ServiceLifecycle

/// Runs the worker beside the server, and ends every child when the server ends.
struct WorkerService: Service, CustomStringConvertible {
    let app: App
    /// ServiceLifecycle logs its services; without this, all they hold.
    let description = "worker"

    func run() async throws {
        await cancelWhenGracefulShutdown { await app.worker.run() }
        await app.server.stop()
        await app.embedder.stop()
        await app.parser.stop()
    }
}
