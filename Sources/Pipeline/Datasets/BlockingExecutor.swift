import Dispatch

/// Threads for work that holds one for seconds, so that the pool that requests share does not wait for it.
final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    private let queue = DispatchQueue(label: "atelier.blocking", qos: .utility, attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }

    /// Runs `body` on such a thread, within the calling task: cancelling that cancels it.
    static func run<T: Sendable>(_ body: @Sendable @escaping () throws -> T) async throws -> T {
        try await withTaskExecutorPreference(shared) { try await step(body) }
    }

    private static func step<T: Sendable>(_ body: @Sendable () throws -> T) async throws -> T { try body() }
}
