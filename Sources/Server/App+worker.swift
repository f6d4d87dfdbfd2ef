import Files
import Foundation
import Logging
import ServiceLifecycle
import Store
import Training

extension App {
    /// What the process is for.
    public enum Role: Sendable {
        /// Serves requests, and runs jobs beside that. One for a data directory.
        case server
        /// Runs jobs alone. Any number, on any machine that reaches the database and the data directory.
        case worker
    }

    /// Runs jobs until the process is told to stop; those that run then are put back in line.
    /// - Parameter onReady: called with the worker's name.
    public func runWorker(onReady: @Sendable @escaping (String) -> Void) async throws {
        // Limits that the server changes hold here too.
        store.changes.observe { [meter] _ in meter.limitsChanged() }
        store.listen { [worker] in worker.heard($0) }
        let services: [any Service] = [JournalService(self)] + (exporter.map { [$0] } ?? []) + [WorkerService(app: self)]
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: BackgroundService(base: $0)) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        onReady(worker.name)
        do { try await ServiceGroup(configuration: configuration).run() } catch {
            await finish()
            throw error
        }
        await finish()
    }

    static func database(_ settings: Settings, _ data: DataDirectory, _ reserve: DiskReserve?) throws -> any Database {
        guard let address = settings.postgres else { return try SQLiteDatabase(path: data.database.path, reserve: reserve) }
        return PostgresDatabase(address, connections: settings.databaseConnections)
    }

    static func journalFolder(_ role: Role, _ data: DataDirectory) throws -> URL {
        switch role {
        case .server: try WorkerJournals.server(data)
        case .worker: try WorkerJournals.own(data)
        }
    }
}

extension Settings {
    func worker(_ role: App.Role) -> WorkerSettings {
        WorkerSettings(
            jobsPerHost: workerJobs, jobsPerUser: userJobs == 0 ? nil : userJobs, lease: .seconds(leaseSeconds), mostLostWorkers: maxLostWorkers,
            retrainDelay: .seconds(retrainDelay), kind: role == .server ? "server" : "worker")
    }
}
