import Dispatch

/// Threads for work that holds one for seconds, so that the pool that requests share does not wait for it.
package final class BlockingExecutor: TaskExecutor {
    static let shared = BlockingExecutor()

    private let queue = DispatchQueue(label: "atelier.blocking", qos: .utility, attributes: .concurrent)

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }

    /// Runs `body` on such a thread, within the calling task: cancelling that cancels it.
    package static func run<T: Sendable>(_ body: @Sendable @escaping () throws -> T) async throws -> T {
        try await withTaskExecutorPreference(shared) { try await step(body) }
    }

    private static func step<T: Sendable>(_ body: @Sendable () throws -> T) async throws -> T { try body() }
}
