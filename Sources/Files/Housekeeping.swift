import Foundation
import Logging
import Store

/// Removes what a killed process left behind: uploads, adapters and collection versions that no row refers to, and
/// the working folders of jobs that will not go on.
public struct Housekeeping: Sendable {
    let store: Store
    let data: DataDirectory
    let logger: Logger
    private let keepJobs: Duration
    private let keepAudit: Duration

    /// - Parameters:
    ///   - keepJobs: how long a failed or stopped job's working folder stays, so that the job can go on.
    ///   - keepAudit: how long entries of the audit log stay.
    public init(
        store: Store, data: DataDirectory, keepJobs: Duration = .seconds(14 * 86_400), keepAudit: Duration = .seconds(365 * 86_400), logger: Logger
    ) {
        self.store = store
        self.data = data
        self.keepJobs = keepJobs
        self.keepAudit = keepAudit
        self.logger = logger
    }

    /// Call once, before requests are served. Workers may be at work: what belongs to a user with a running job stays
    /// for another time, but for what an import or a job has claimed.
    public func sweep() async throws {
        let busy = try await store.queue.usersWithRunningJobs()
        try await sweepJobs()
        try await sweepAudit()
        try await sweepUploads(hidden: true)
        for user in children("users") {
            if busy.contains(user) { continue }
            let rows = store.user(user)
            for file in children("users/\(user)/datasets") where try await !rows.refersToFile(DataPaths.dataset(sha256: file, user: user)) {
                remove(DataPaths.dataset(sha256: file, user: user))
            }
            for adapter in children("users/\(user)/adapters") where try await missing({ _ = try await rows.adapter(adapter) }) {
                remove(DataPaths.adapter(adapter, user: user))
            }
            for id in children("users/\(user)/collections") {
                let collection: Collection?
                do { collection = try await rows.collection(id) } catch StoreError.notFound { collection = nil } catch is UnreadableRow {
                    // Nobody can tell what of it is in use.
                    continue
                }
                for version in children(DataPaths.collection(id, user: user)) {
                    let number = version.hasPrefix("v") ? Int(version.dropFirst()) : nil
                    // A version above the row's was never published.
                    if let collection, let number, number <= collection.version { continue }
                    // One that is not finished is gone on with when its job is started again.
                    if let building = collection?.buildingVersion, version.hasPrefix("v\(building).building") || version == "v\(building)" {
                        continue
                    }
                    remove("\(DataPaths.collection(id, user: user))/\(version)")
                }
                if collection == nil { remove(DataPaths.collection(id, user: user)) }
            }
        }
    }

    /// Removes the working folders of uploads and imports whose process is gone, and what they had moved to its place
    /// without writing its row. May be called at any time: a folder that is in use is locked.
    /// - Parameter hidden: whether to look at folders that are just being made; only where no process makes any.
    public func sweepUploads(hidden: Bool = false) async throws {
        for user in children("users") {
            let parent = "\(DataPaths.user(user))/uploads"
            for name in children(parent, hidden: hidden) {
                let folder = data.url("\(parent)/\(name)")
                var isFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else { continue }
                // Files are of an earlier version, which swept them at its start.
                guard isFolder.boolValue else {
                    if hidden { remove("\(parent)/\(name)") }
                    continue
                }
                guard let lock = try WorkingFolder.abandoned(folder) else { continue }
                try await release(FileClaims(folder: folder), user)
                remove("\(parent)/\(name)")
                withExtendedLifetime(lock) {}
            }
        }
    }

    private func release(_ claims: FileClaims, _ user: String) async throws {
        for path in try await claims.release(user, store: store, data: data) { logger.info("removed \(path), whose row was never written") }
    }

    /// Removes the working folders of jobs that are gone or completed, and of those that failed or were stopped longer
    /// ago than they are kept. May be called at any time.
    public func sweepJobs(now: Date = Date()) async throws {
        for user in children("users") {
            for id in children("users/\(user)/jobs") {
                do {
                    let job = try await store.user(user).job(id)
                    if job.status.isActive { continue }
                    let mayGoOn = job.status == .failed || job.status == .stopped
                    if mayGoOn, now.timeIntervalSince(job.updatedAt) < keepJobs.seconds { continue }
                    // Processes that are being ended may still write there.
                    if try await store.queue.isHeld(id) { continue }
                } catch StoreError.notFound {}
                try await release(FileClaims(folder: data.url(DataPaths.job(id, user: user))), user)
                remove(DataPaths.job(id, user: user))
            }
        }
    }

    /// Deletes entries of the audit log that are older than they are kept. May be called at any time.
    public func sweepAudit(now: Date = Date()) async throws {
        try await store.audit.sweep(before: now.addingTimeInterval(-keepAudit.seconds))
    }

    private func missing(_ look: () async throws -> Void) async throws -> Bool {
        do {
            try await look()
            return false
        } catch StoreError.notFound { return true } catch is UnreadableRow { return false }
    }

    private func children(_ path: String, hidden: Bool = false) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: data.url(path).path)) ?? []).filter { hidden || !$0.hasPrefix(".") }
    }

    private func remove(_ path: String) {
        guard FileManager.default.fileExists(atPath: data.url(path).path) else { return }
        do {
            try data.remove(path)
            logger.info("removed unfinished \(path)")
        } catch { logger.warning("cannot remove \(path): \(error)") }
    }
}
