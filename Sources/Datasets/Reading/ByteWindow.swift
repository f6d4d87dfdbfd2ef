import Crypto
import Foundation

/// A file, front to back, as a window of bytes that moves over it. Every byte that is read is hashed and counted.
final class ByteWindow {
    static let block = 1 << 18

    private let handle: FileHandle
    private var buffer = PaddedBytes(capacity: 4 * ByteWindow.block)
    private var start = 0
    private(set) var atEnd = false
    private(set) var bytesRead = 0
    private var hash: SHA256?

    init(_ url: URL, hashing: Bool = true) throws {
        handle = try FileHandle(forReadingFrom: url)
        hash = hashing ? SHA256() : nil
        // A byte-order mark is no part of the first record.
        while try fill(), count < 3 {}
        if count >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF { start = 3 }
    }

    deinit { try? handle.close() }

    /// What is in sight; valid until the next call of `fill`.
    var base: UnsafePointer<UInt8> { UnsafePointer(buffer.base + start) }
    var count: Int { buffer.count - start }

    func consume(_ length: Int) { start += length }

    /// Brings more into sight behind what is there.
    /// - Returns: false at the end of the file.
    func fill() throws -> Bool {
        if atEnd { return false }
        try Task.checkCancellation()
        if start > 0, buffer.capacity - buffer.count < Self.block {
            memmove(buffer.base, buffer.base + start, count)
            buffer.count -= start
            start = 0
        }
        buffer.reserve(buffer.count + Self.block)
        let target = buffer.base + buffer.count
        let length = read(handle.fileDescriptor, target, Self.block)
        if length < 0 {
            if errno == EINTR { return true }
            throw CocoaError(.fileReadUnknown, userInfo: [NSUnderlyingErrorKey: POSIXError(.init(rawValue: errno) ?? .EIO)])
        }
        if length == 0 {
            atEnd = true
            return false
        }
        hash?.update(bufferPointer: UnsafeRawBufferPointer(start: target, count: length))
        bytesRead += length
        buffer.count += length
        return true
    }

    /// Reads what is left, for its hash.
    func drain() throws {
        repeat { start = buffer.count } while try fill()
    }

    /// Of everything that was read, in hex.
    func sha256() -> String { hash?.finalize().hex ?? "" }
}
