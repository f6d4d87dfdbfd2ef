import Domain
import Files
import Foundation
import LocalModels
import Logging
import Providers
import Store
import Synchronization

/// Takes queued jobs and runs them, as many at once as its machine bears. A job is the worker's while its lease
/// holds; a worker that loses it (stopped, deleted, taken over) ends the work at once, and one that cannot renew
/// it in time takes it for lost.
public final class JobWorker: Sendable {
    private let store: Store
    private let data: DataDirectory
    private let pipeline: TrainingPipeline
    private let settings: WorkerSettings
    private let logger: Logger
    /// Called with each published release, so that its adapter is loaded before it is asked for.
    private let onRelease: @Sendable (TrainingJob, Release) async -> Void
    private let identity = WorkerIdentity.current
    private let wake: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    /// Attempts at jobs by their owner's name.
    private let running = Mutex<[String: Attempt]>([:])
    private let claims = Atomic(0)
    private let isEnding = Atomic(false)

    public var name: String { identity.name }

    private struct Attempt {
        var job: String
        var task: Task<Void, Never>
    }

    public init(
        store: Store, data: DataDirectory, pipeline: TrainingPipeline, settings: WorkerSettings = .init(), logger: Logger,
        onRelease: @Sendable @escaping (TrainingJob, Release) async -> Void = { _, _ in }
    ) {
        self.store = store
        self.data = data
        self.pipeline = pipeline
        self.settings = settings
        self.logger = logger
        self.onRelease = onRelease
        (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Says that a job was queued.
    public func nudge() { wakeUp.yield() }

    /// What processes tell each other of jobs.
    public func heard(_ notice: DatabaseNotice) {
        switch notice {
        case .gap: nudge()
        case .message(JobQueue.topic, let text):
            if text.hasPrefix("stopped:") { cancel(String(text.dropFirst("stopped:".count))) }
            nudge()
        case .message: break
        }
    }

    /// Ends the work on a job that was stopped; returns when nothing of it runs any more, here or elsewhere.
    public func stopped(_ job: String) async throws {
        for task in tasks(of: job) {
            task.cancel()
            await task.value
        }
        // Elsewhere: its worker lets go of it when its processes are gone, or its lease runs out.
        while try await store.queue.isHeld(job) { try await Task.sleep(for: .milliseconds(50)) }
    }

    private func cancel(_ job: String) { for task in tasks(of: job) { task.cancel() } }

    private func tasks(of job: String) -> [Task<Void, Never>] { running.withLock { $0.values.filter { $0.job == job }.map(\.task) } }

    /// Works until the task is cancelled; jobs that run then are put back in line when their processes have ended.
    public func run() async {
        await announce()
        // Jobs of an earlier process of this machine need no lease to run out.
        await requeueLost()
        let ticker = Task { [wakeUp, settings] in
            var beat = 0
            while !Task.isCancelled {
                wakeUp.yield()
                beat += 1
                if beat % 5 == 0 { await self.announce() }
                // Leases are looked at often enough for the shortest.
                try? await Task.sleep(for: min(.seconds(2), settings.lease / 5))
            }
        }
        await withTaskCancellationHandler {
            for await _ in wake {
                if Task.isCancelled { break }
                await requeueLost()
                await takeJobs()
            }
        } onCancel: {
            isEnding.store(true, ordering: .relaxed)
            wakeUp.finish()
        }
        ticker.cancel()
        for task in running.withLock({ $0.values.map(\.task) }) {
            task.cancel()
            await task.value
        }
        let (workers, name) = (store.workers, identity.name)
        await Task { try? await workers.leave(name: name) }.value
    }

    private func announce() async {
        do {
            try await store.workers.announce(
                name: identity.name, host: identity.host, pid: Int(ProcessInfo.processInfo.processIdentifier), kind: settings.kind,
                jobSlots: settings.jobsPerHost)
        } catch { logger.debug("cannot announce the worker: \(error)") }
    }

    private func requeueLost() async {
        do {
            for job in try await store.queue.requeueLost(most: settings.mostLostWorkers, isAlive: identity.isAlive) {
                logger.warning(
                    job.isGivenUp
                        ? "job \(job.id) has lost one worker after the other and is given up"
                        : "job \(job.id) lost its worker \(job.worker) and is back in line")
            }
        } catch { complain(error) }
    }

    private func takeJobs() async {
        do {
            while !Task.isCancelled, running.withLock({ $0.count }) < settings.jobsPerHost {
                let limits = ClaimLimits(
                    host: identity.host, jobsPerHost: settings.jobsPerHost, jobsPerUser: settings.jobsPerUser,
                    memoryMegabytes: MachineMemory.availableMegabytes())
                // A name for each attempt: one that was frozen and lost its job is not taken for the one that came after it, be that
                // this very process's.
                let owner = "\(name)\(WorkerIdentity.attemptMark)\(claims.add(1, ordering: .relaxed).newValue)"
                guard let job = try await store.queue.claim(worker: owner, lease: settings.lease, limits: limits) else { return }
                work(job, as: owner)
            }
        } catch { complain(error) }
    }

    private func complain(_ error: any Error) {
        if error is CancellationError { return }
        logger.error("cannot look for jobs: \(error)")
    }

    private func work(_ job: TrainingJob, as owner: String) {
        running.withLock { running in
            let earlier = running.values.filter { $0.job == job.id }.map(\.task)
            let task = Task {
                await self.perform(job, as: owner, after: earlier)
                self.running.withLock { $0[owner] = nil }
                self.nudge()
            }
            running[owner] = Attempt(job: job.id, task: task)
        }
    }

    /// - Parameter earlier: attempts at the same job that have lost it and are about to end.
    private func perform(_ job: TrainingJob, as owner: String, after earlier: [Task<Void, Never>]) async {
        let context = JobContext(job: job, worker: owner, queue: store.queue, data: data, logger: logger)
        logger.info("job \(job.id) started", metadata: ["type": "\(job.trainingType.rawValue)", "attempt": "\(job.attempt)"])
        do {
            let release = try await withThrowingTaskGroup(of: Release?.self) { group in
                group.addTask {
                    for task in earlier {
                        task.cancel()
                        await task.value
                    }
                    return try await ChildJob.$current.withValue(job.id) {
                        try await NameLookups.$user.withValue(job.userID) { try await self.pipeline.run(context) }
                    }
                }
                let lease = LeaseClock(settings.lease)
                group.addTask { try await self.keepLease(job, owner, lease) }
                group.addTask { try await self.watch(lease, of: job) }
                defer { group.cancelAll() }
                do { return try await group.next()! } catch is LostJob {
                    // Lost because it was completed a moment ago, or because somebody stopped it: the pipeline knows.
                    group.cancelAll()
                    do { return try await group.next()! } catch { throw CancellationError() }
                }
            }
            logger.info("job \(job.id) completed")
            if let release { await onRelease(job, release) }
            return
        } catch {
            // What a stage says whose processes were ended under it is not the job's failure.
            let cause: any Error = Task.isCancelled ? CancellationError() : error
            // A cancelled task cannot write to the database, hence a task of its own.
            await Task { await self.settle(job, owner, cause) }.value
        }
    }

    /// Renews the lease until the job is over.
    /// - Throws: `LostJob` where it is another's.
    private func keepLease(_ job: TrainingJob, _ owner: String, _ lease: LeaseClock) async throws -> Release? {
        while true {
            try await Task.sleep(for: min(.seconds(1), settings.lease / 5))
            let before = ContinuousClock.now
            do {
                guard try await store.queue.heartbeat(job.id, worker: owner, lease: settings.lease) else { throw LostJob() }
                lease.renewed(before)
            } catch let error as DatabaseError {
                // A database that is away for a moment costs a heartbeat, not the job.
                logger.debug("job \(job.id): no heartbeat: \(error)")
            }
        }
    }

    /// Gives the job up before the lease runs out: then another may begin on the same files. Beside the heartbeats,
    /// because one of them may wait for the database for longer than that.
    /// - Throws: `LostJob`.
    private func watch(_ lease: LeaseClock, of job: TrainingJob) async throws -> Release? {
        while let left = lease.left { try await Task.sleep(for: left) }
        logger.warning("job \(job.id): the lease could not be renewed in time, so the work on it ends")
        throw LostJob()
    }

    /// What becomes of a job that ended here without a release. Until the database has it.
    private func settle(_ job: TrainingJob, _ owner: String, _ error: any Error) async {
        while true {
            do {
                switch error {
                case is CancellationError where isEnding.load(ordering: .relaxed):
                    if try await store.queue.handBack(job.id, worker: owner, reason: "the worker was shut down in order") {
                        logger.notice("job \(job.id) is back in line: the worker is shutting down")
                    }
                case is CancellationError:
                    // Stopped, or lost: nothing is to be written but that nothing of it runs here.
                    if try await store.queue.handBack(job.id, worker: owner, reason: "worker \(name) lost its lease") {
                        logger.warning("job \(job.id) is back in line")
                    }
                default:
                    let failure = JobFailure(stage: "worker", error: error)
                    let delay = try await store.queue.fail(job.id, worker: owner, failure)
                    logger.notice(
                        "job \(job.id) ended: \(failure.step): \(failure.code): \(failure.message)\(delay.map { "; again in \($0) s" } ?? "")")
                }
                return try await store.queue.release(job.id, worker: owner)
            } catch let error as DatabaseError where error.isTransient {
                // Whoever asks for an orderly end does not wait for the database: the lease will run out.
                if isEnding.load(ordering: .relaxed) { return }
                logger.warning("job \(job.id): \(error); trying again")
                try? await Task.sleep(for: .seconds(1))
            } catch { return logger.error("cannot write down how job \(job.id) ended: \(error)") }
        }
    }
}

/// The job's row no longer names this worker.
private struct LostJob: Error {}

/// When a lease was renewed last, by our own clock.
private final class LeaseClock: Sendable {
    private let last = Mutex(ContinuousClock.now)
    /// A fifth is left for the processes to end in.
    private let patience: Duration

    init(_ lease: Duration) { patience = lease * 0.8 }

    func renewed(_ at: ContinuousClock.Instant) { last.withLock { $0 = at } }

    /// Nil when it is over.
    var left: Duration? {
        let left = patience - (ContinuousClock.now - last.withLock { $0 })
        return left > .zero ? left : nil
    }
}
