import Foundation
import Logging
import Store

/// Removes what a killed server left behind: working folders of jobs, adapters and collection
/// versions that no row refers to.
public struct Housekeeping: Sendable {
    let store: Store
    let data: DataDirectory
    let logger: Logger

    public init(store: Store, data: DataDirectory, logger: Logger) {
        self.store = store
        self.data = data
        self.logger = logger
    }

    /// Call before the worker starts: a running job's folder is not distinguished from a dead one's.
    public func sweep() async throws {
        for user in children("users") {
            let rows = store.user(user)
            for job in children("users/\(user)/jobs") { remove(DataPaths.job(job, user: user)) }
            remove("users/\(user)/uploads")
            for file in children("users/\(user)/datasets") where try await !rows.refersToFile(DataPaths.dataset(sha256: file, user: user)) {
                remove(DataPaths.dataset(sha256: file, user: user))
            }
            for adapter in children("users/\(user)/adapters") where try await missing({ _ = try await rows.adapter(adapter) }) {
                remove(DataPaths.adapter(adapter, user: user))
            }
            for id in children("users/\(user)/collections") {
                let collection: Collection?
                do { collection = try await rows.collection(id) } catch StoreError.notFound { collection = nil }
                for version in children(DataPaths.collection(id, user: user)) {
                    let number = version.hasPrefix("v") ? Int(version.dropFirst()) : nil
                    // A version above the row's was never published.
                    if let collection, let number, number <= collection.version { continue }
                    // One that is not finished is gone on with when its job is started again.
                    if let building = collection?.buildingVersion, version == "v\(building).building" || version == "v\(building)" { continue }
                    remove("\(DataPaths.collection(id, user: user))/\(version)")
                }
                if collection == nil { remove(DataPaths.collection(id, user: user)) }
            }
        }
    }

    private func missing(_ look: () async throws -> Void) async throws -> Bool {
        do {
            try await look()
            return false
        } catch StoreError.notFound { return true }
    }

    private func children(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: data.url(path).path)) ?? []).filter { !$0.hasPrefix(".") }
    }

    private func remove(_ path: String) {
        guard FileManager.default.fileExists(atPath: data.url(path).path) else { return }
        do {
            try data.remove(path)
            logger.info("removed unfinished \(path)")
        } catch { logger.warning("cannot remove \(path): \(error)") }
    }
}
