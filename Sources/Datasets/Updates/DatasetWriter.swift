import Crypto
import Domain
import Foundation

/// Writes a file under a temporary name beside its own, and gives it its name when it is whole. Unfinished, it leaves nothing.
final class DatasetWriter {
    private let target: URL
    private let temporary: URL
    private let handle: FileHandle
    private var buffer = PaddedBytes(capacity: 1 << 18)
    private var hash = SHA256()
    private(set) var bytes = 0
    private var isFinished = false

    init(_ target: URL) throws {
        self.target = target
        temporary = target.deletingLastPathComponent().appendingPathComponent(".\(target.lastPathComponent).\(UUID().uuidString)")
        let descriptor = open(temporary.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    deinit { if !isFinished { unlink(temporary.path) } }

    func write(_ body: (inout PaddedBytes) throws -> Void) throws {
        try body(&buffer)
        if buffer.count >= 1 << 17 { try flush() }
    }

    private func flush() throws {
        try Task.checkCancellation()
        hash.update(bufferPointer: UnsafeRawBufferPointer(buffer.bytes))
        bytes += buffer.count
        try handle.write(contentsOf: Data(bytesNoCopy: buffer.base, count: buffer.count, deallocator: .none))
        buffer.count = 0
    }

    /// - Returns: SHA-256 of what was written, in hex.
    func finish() throws -> String {
        try flush()
        try handle.synchronize()
        try handle.close()
        guard rename(temporary.path, target.path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        isFinished = true
        return hash.finalize().hex
    }
}
