import Foundation
import Synchronization

/// Room kept free on the data directory's disk, by a file without content. It is lent to what must work on a full disk:
/// deletions, which make room, signing in and out, and the start of a server. What it was lent to gives back what it can.
public final class DiskReserve: Sendable {
    /// Whether what the current task writes may use the reserve when the disk is full.
    @TaskLocal public static var isOffered = false

    /// The file's name in the data directory.
    public static let fileName = "reserve"

    private struct Loans {
        var open = 0
        /// Bytes of the reserve before the first of them.
        var before = 0
    }

    private let path: String
    private let folder: String
    private let wanted: Int
    private let loans = Mutex(Loans())

    /// - Parameter bytes: the whole reserve; nil takes a sixty-fourth of the disk, 4 MiB at least and 64 MiB at most.
    public init(folder: String, bytes: Int? = nil) {
        self.folder = folder
        path = "\(folder)/\(Self.fileName)"
        wanted = bytes ?? min(64 << 20, max(4 << 20, (DiskSpace.of(folder)?.total ?? 0) / 64))
    }

    /// Bytes that are kept free now.
    public var bytes: Int {
        var info = stat()
        return stat(path, &info) == 0 ? Int(info.st_size) : 0
    }

    /// Makes the reserve whole, where at least as much again stays free for everybody else.
    public func refill() {
        loans.withLock { loans in
            let missing = wanted - bytes
            guard loans.open == 0, missing > 0, let free = DiskSpace.of(folder)?.free, free >= missing + wanted else { return }
            grow(to: wanted)
        }
    }

    /// Runs `body` with a part of the reserve given up, and again with more of it as long as the disk is full. Then as much is
    /// kept free again as was before, where there is room.
    /// - Throws: ``DatabaseError/diskFull(_:)`` where all of it is too little, and what `body` throws.
    package func lend<T>(_ body: () async throws -> T) async throws -> T {
        open()
        defer { close() }
        while giveUp() {
            do { return try await body() } catch DatabaseError.diskFull {}
        }
        throw Self.exhausted
    }

    /// The same for work that does not wait.
    package func lendSynchronously<T>(_ body: () throws -> T) throws -> T {
        open()
        defer { close() }
        while giveUp() {
            do { return try body() } catch DatabaseError.diskFull {}
        }
        throw Self.exhausted
    }

    private static let exhausted = DatabaseError.diskFull("the reserve for deletions is used up, too")

    private func open() {
        loans.withLock { loans in
            if loans.open == 0 { loans.before = bytes }
            loans.open += 1
        }
    }

    private func close() {
        loans.withLock { loans in
            loans.open -= 1
            if loans.open == 0 { grow(to: loans.before) }
        }
    }

    /// A quarter at a time: whoever else writes takes what is free, too.
    /// - Returns: whether there was anything to give up.
    private func giveUp() -> Bool {
        loans.withLock { _ in
            let size = bytes
            return size > 0 && truncate(path, off_t(max(0, size - max(1, wanted / 4)))) == 0
        }
    }

    /// Takes what there is, up to `target`.
    private func grow(to target: Int) {
        var size = bytes
        guard size < target else { return }
        let file = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { Foundation.close(file) }
        var chunk = target - size
        while size < target, chunk >= 4096 {
            chunk = min(chunk, target - size)
            if Self.allocate(file, from: size, count: chunk) {
                size += chunk
            } else {
                guard ftruncate(file, off_t(size)) == 0 else { return }
                chunk /= 2
            }
        }
    }

    private static func allocate(_ file: Int32, from offset: Int, count: Int) -> Bool {
        #if os(Linux)
        return posix_fallocate(file, off_t(offset), off_t(count)) == 0
        #else
        // Holes would keep nothing free.
        let block = [UInt8](repeating: 0x55, count: 1 << 20)
        var done = 0
        while done < count {
            let written = block.withUnsafeBytes { pwrite(file, $0.baseAddress!, min(block.count, count - done), off_t(offset + done)) }
            if written > 0 { done += written } else if errno != EINTR { return false }
        }
        return true
        #endif
    }
}
