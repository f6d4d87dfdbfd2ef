import Foundation
import Store

/// A folder for what is on its way: an upload, an unpacked archive, what is made of them. It has a lock that ends with
/// its process, so that a sweep can tell a folder that is in use from one whose owner was killed.
package final class WorkingFolder: Sendable {
    static let lockName = "owner.lock"

    package let url: URL
    /// Files that leave the folder for their final places are claimed here first.
    package let claims: FileClaims
    private let lock: FileLock

    /// - Parameter user: whose files these will be.
    package init(_ data: DataDirectory, user: String) throws {
        let parent = try data.folder("\(DataPaths.user(user))/uploads")
        let name = UUID().uuidString
        url = parent.appending(path: name)
        // Hidden until it is locked: a sweep must never see it without its lock.
        let hidden = parent.appending(path: ".\(name)")
        try FileManager.default.createDirectory(at: hidden, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        guard let lock = try FileLock(hidden.appending(path: Self.lockName)), rename(hidden.path, url.path) == 0 else {
            throw LocatedError("cannot make a folder for an upload: \(String(cString: strerror(errno)))")
        }
        self.lock = lock
        claims = FileClaims(folder: url)
    }

    /// A new folder in it.
    package func folder(_ name: String) throws -> URL {
        let folder = url.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return folder
    }

    /// Removes it with all that is still in it.
    package func remove() { try? FileManager.default.removeItem(at: url) }

    /// The lock of a folder whose owner is gone; nil while one lives. A folder without a lock has no owner: it is of an
    /// earlier version, or its owner was killed while it was made.
    static func abandoned(_ folder: URL) throws -> FileLock? { try FileLock(folder.appending(path: lockName)) }
}

/// Which files in final places wait for their row: noted before they are moved there, so that whoever finds the note
/// after its owner's death knows what may belong to nobody.
package struct FileClaims: Sendable {
    private static let maxBytes = 1 << 20
    private let file: URL

    /// - Parameter folder: that of the job or the upload, which is removed once the rows are written.
    package init(folder: URL) { file = folder.appending(path: "claims") }

    /// Notes paths below the data directory, before the files are there.
    package func add(_ paths: [String]) throws {
        if !FileManager.default.fileExists(atPath: file.path) {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(paths.map { $0 + "\n" }.joined().utf8))
        try handle.synchronize()
    }

    /// Removes what was claimed and has no row. Only for claims whose owner makes no rows any more.
    /// - Returns: the paths that were removed.
    @discardableResult
    package func release(_ user: String, store: Store, data: DataDirectory) async throws -> [String] {
        guard let handle = try? FileHandle(forReadingFrom: file) else { return [] }
        let text = try handle.read(upToCount: Self.maxBytes) ?? Data()
        try handle.close()
        var removed: [String] = []
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let path = String(line)
            guard FileManager.default.fileExists(atPath: data.url(path).path), try await isUnknown(path, user, store) else { continue }
            try data.remove(path)
            removed.append(path)
        }
        return removed
    }

    private func isUnknown(_ path: String, _ user: String, _ store: Store) async throws -> Bool {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count == 4, parts[0] == "users", parts[1] == user, parts[3] != "..", parts[3] != "." else { return false }
        let rows = store.user(user)
        do {
            switch parts[2] {
            case "adapters": _ = try await rows.adapter(parts[3])
            case "collections": _ = try await rows.collection(parts[3])
            case "datasets": return try await !rows.refersToFile(path)
            default: break
            }
            return false
        } catch StoreError.notFound { return true }
    }
}
