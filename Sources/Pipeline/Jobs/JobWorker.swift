import Foundation
import Logging
import Store
import Synchronization

/// Takes queued jobs one at a time and runs them. A job is the worker's while its lease holds; a
/// worker that loses it (stopped, deleted) ends the work at once.
public final class JobWorker: Sendable {
    private let store: Store
    private let data: DataDirectory
    private let pipeline: TrainingPipeline
    private let logger: Logger
    /// Called with each published release, so that its adapter is loaded before it is asked for.
    private let onRelease: @Sendable (TrainingJob, Release) async -> Void
    /// `host:pid:random`: says whether the process behind a lease still lives.
    public let name: String
    private let lease: Duration = .seconds(15)
    private let wake: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    private let running = Mutex<(job: String, task: Task<Void, Never>)?>(nil)

    public init(
        store: Store, data: DataDirectory, pipeline: TrainingPipeline, logger: Logger,
        onRelease: @Sendable @escaping (TrainingJob, Release) async -> Void = { _, _ in }
    ) {
        self.store = store
        self.data = data
        self.pipeline = pipeline
        self.logger = logger
        self.onRelease = onRelease
        let host = ProcessInfo.processInfo.hostName
        name = "\(host):\(ProcessInfo.processInfo.processIdentifier):\(UUID().uuidString.prefix(8))"
        (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Marks the jobs a dead server left running. Call once before ``run()``.
    public func markInterrupted() async throws {
        let host = ProcessInfo.processInfo.hostName
        let own = ProcessInfo.processInfo.processIdentifier
        let marked = try await store.queue.markInterrupted { owner in
            let parts = owner.split(separator: ":")
            // A worker of another host is alive as long as its lease.
            guard parts.count == 3, parts[0] == host, let pid = Int32(parts[1]) else { return true }
            // Our own number with another random part: an earlier process that had the same one.
            return pid != own && kill(pid, 0) == 0
        }
        for job in marked { logger.warning("job \(job) was running when the server stopped; marked as failed") }
    }

    /// Says that a job was queued.
    public func nudge() { wakeUp.yield() }

    /// Ends the work on a job that was stopped; returns when nothing of it runs any more.
    public func stopped(_ job: String) async {
        let task = running.withLock { $0?.job == job ? $0?.task : nil }
        task?.cancel()
        await task?.value
    }

    /// Works until the task is cancelled; a job that runs then is marked and its processes end.
    public func run() async {
        // Another process may queue a job too; looking every 2 s finds those.
        let ticker = Task { [wakeUp] in
            while !Task.isCancelled {
                wakeUp.yield()
                try? await Task.sleep(for: .seconds(2))
            }
        }
        defer { ticker.cancel() }
        for await _ in wake {
            if Task.isCancelled { return }
            do {
                // Leases that ran out since: a worker elsewhere has died.
                for job in try await store.queue.markInterrupted(isAlive: { _ in true }) {
                    logger.warning("job \(job) lost its worker; marked as failed")
                }
                while !Task.isCancelled, let job = try await store.queue.claim(worker: name, lease: lease) { await work(job) }
            } catch {
                logger.error("cannot look for jobs: \(error)")
            }
        }
    }

    private func work(_ job: TrainingJob) async {
        let task = Task { await self.perform(job) }
        running.withLock { $0 = (job.id, task) }
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        running.withLock { $0 = nil }
    }

    private func perform(_ job: TrainingJob) async {
        let context = JobContext(job: job, worker: name, queue: store.queue, data: data, logger: logger)
        logger.info("job \(job.id) started", metadata: ["type": "\(job.trainingType.rawValue)", "attempt": "\(job.attempt)"])
        let failure: JobFailure?
        do {
            let release = try await withThrowingTaskGroup(of: Release?.self) { group in
                group.addTask { try await self.pipeline.run(context) }
                group.addTask {
                    while true {
                        try await Task.sleep(for: .seconds(1))
                        // A database that is busy for a moment costs a heartbeat, not the job: the lease outlasts several.
                        guard let owned = try? await self.store.queue.heartbeat(job.id, worker: self.name, lease: self.lease) else { continue }
                        if !owned { throw LostJob() }
                    }
                }
                defer { group.cancelAll() }
                do { return try await group.next()! } catch is LostJob {
                    // Lost because it was completed a moment ago, or because somebody stopped it: the pipeline knows.
                    group.cancelAll()
                    return try await group.next()!
                }
            }
            logger.info("job \(job.id) completed")
            if let release { await onRelease(job, release) }
            return
        } catch is CancellationError {
            let (store, user) = (store, job.userID)
            let current = await Task { try? await store.user(user).job(job.id) }.value
            let stage = current?.stage ?? "prepare"
            failure = JobFailure(
                step: stage, code: "interrupted",
                message: "the server was shut down while this job was in stage \"\(stage)\" (\(Int(((current?.progress ?? 0) * 100).rounded()))%)",
                hint: "start the job again; its datasets are untouched")
        } catch let error as StageFailure {
            failure = error.failure
        } catch {
            failure = JobFailure(stage: "worker", error: error)
        }
        // Without effect on a job that was stopped: it is no longer this worker's. A cancelled task
        // cannot write to the database, hence a task of its own.
        if let failure {
            let (queue, logger, name) = (store.queue, logger, name)
            await Task {
                do { try await queue.fail(job.id, worker: name, failure) } catch { logger.error("cannot mark job \(job.id): \(error)") }
            }.value
            logger.notice("job \(job.id) ended: \(failure.step): \(failure.code): \(failure.message)")
        }
        try? data.remove(context.folder)
    }
}

/// The job's row no longer names this worker.
private struct LostJob: Error {}
