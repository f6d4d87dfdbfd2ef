import ServiceLifecycle

/// Runs the worker beside the server, and ends every child when the server ends.
struct WorkerService: Service {
    let app: App

    func run() async throws {
        await cancelWhenGracefulShutdown { await app.worker.run() }
        await app.server.stop()
        await app.embedder.stop()
    }
}
