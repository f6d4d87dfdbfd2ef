import Foundation

/// Makes what was written survive a power cut.
enum Durable {
    /// Flushes a file or folder to the disk. A folder's own entry list needs it as much as the files.
    static func synchronise(_ url: URL) throws {
        let descriptor = open(url.path, O_RDONLY)
        guard descriptor >= 0 else { throw posixError() }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw posixError() }
    }

    /// Creates an empty file that only its owner may read, unless there is one.
    static func createPrivateFile(_ url: URL) throws {
        let descriptor = open(url.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw posixError() }
        close(descriptor)
    }

    static func createPrivateFolder(_ url: URL) throws {
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    static func posixError() -> any Error {
        NSError(domain: NSPOSIXErrorDomain, code: Int(errno))
    }
}
