import Calls
import Foundation
import Logging
import Store

/// Starts the runs of jobs with a schedule, and of jobs that are to be trained again when a dataset changes. Any
/// number of servers may do so at once: each time is dealt with by one of them.
public struct JobScheduler: Sendable {
    private let store: Store
    private let meter: Meter
    private let retrainDelay: Duration
    private let isEnabled: Bool
    private let logger: Logger

    /// - Parameter isEnabled: whether jobs may be started at all; if not, times are passed over.
    public init(store: Store, meter: Meter, retrainDelay: Duration, isEnabled: Bool, logger: Logger) {
        self.store = store
        self.meter = meter
        self.retrainDelay = retrainDelay
        self.isEnabled = isEnabled
        self.logger = logger
    }

    /// Looks every second until the task is cancelled: cron's own resolution is a minute.
    public func run() async {
        while !Task.isCancelled {
            do { try await fireDue() } catch  where !(error is CancellationError) { logger.error("cannot look for scheduled jobs: \(error)") } catch {
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Starts what is due.
    /// - Returns: ids of the runs.
    @discardableResult
    public func fireDue(now: Date = Date()) async throws -> [String] {
        var runs: [String] = []
        for due in try await store.queue.due(quiet: retrainDelay, now: now) {
            guard isEnabled else {
                try await store.queue.skip(due, reason: "training is switched off on this server (EXTERNAL_TRAINING_ENABLED)", now: now)
                continue
            }
            do {
                let run = try await meter.startingJob(user: due.userID, minion: due.minionID) {
                    guard let run = try await store.queue.fire(due, now: now) else { throw NothingDue() }
                    return run
                }
                logger.info("job \(due.id) has started run \(run)", metadata: ["cause": "\(due.cause.rawValue)"])
                runs.append(run)
            } catch is NothingDue {
                continue
            } catch let error as LimitExceeded {
                try await store.queue.skip(due, reason: "\(error)", now: now)
            }
        }
        return runs
    }

    /// Takes the counted start back.
    private struct NothingDue: Error {}
}
