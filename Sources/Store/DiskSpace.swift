import Foundation

/// Whether files can still grow.
public enum DiskSpace {
    /// Whether the system's error says that there is no room: on the disk, in a quota, or under a limit of a file's size.
    public static func isExhausted(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

    /// Bytes of the folder's disk, and how many of them this process may still write; nil where the system does not say.
    static func of(_ folder: String) -> (total: Int, free: Int)? {
        var info = statvfs()
        guard statvfs(folder, &info) == 0 else { return nil }
        let block = Int(clamping: info.f_frsize)
        return (Int(clamping: info.f_blocks) &* block, Int(clamping: info.f_bavail) &* block)
    }

    /// Writes a small file into `folder` and removes it again.
    /// - Returns: whether there was no room for it.
    public static func isExhausted(in folder: String, bytes: Int = 64 << 10) -> Bool {
        let path = "\(folder)/.room-\(UUID().uuidString)"
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return isExhausted(errno) }
        defer {
            close(file)
            unlink(path)
        }
        let content = [UInt8](repeating: 0x55, count: bytes)
        var done = 0
        while done < bytes {
            let count = content.withUnsafeBytes { write(file, $0.baseAddress! + done, bytes - done) }
            if count > 0 { done += count } else if count == 0 || errno != EINTR { return count == 0 || isExhausted(errno) }
        }
        return false
    }
}
