import Crypto
import Domain
import Foundation

/// A file, front to back, as a window of bytes that moves over it. Every byte that is read is hashed and counted. UTF-16 is shown as UTF-8,
/// and the line ends of old Macs, carriage returns alone, as line feeds.
final class ByteWindow {
    static let block = 1 << 18
    /// Bytes that tell what a file's line ends are.
    private static let head = 1 << 16

    private let handle: FileHandle
    private var buffer = PaddedBytes(capacity: 4 * ByteWindow.block)
    private var start = 0
    private(set) var atEnd = false
    private(set) var bytesRead = 0
    private var hash: SHA256?
    private var wide: UTF16Text?
    private var hasCarriageReturns = false

    init(_ url: URL, hashing: Bool = true) throws {
        handle = try FileHandle(forReadingFrom: url)
        hash = hashing ? SHA256() : nil
        while try fill(), count < Self.head {}
        // A byte-order mark is no part of the first record.
        let seen = Bytes(start: base, count: count)
        if seen.beginsWithMark { start = 3 }
        let marked = UTF16Text(mark: seen)
        wide = marked ?? UTF16Text(unmarked: seen)
        if wide != nil {
            let text = Array(seen.dropFirst(marked == nil ? 0 : 2))
            buffer.count = 0
            wide!.decode(text, to: &buffer)
            if atEnd { wide!.finish(to: &buffer) }
        }
        // One at the very end may be half of a CRLF.
        hasCarriageReturns = memchr(base, 0x0A, count) == nil && memchr(base, 0x0D, max(0, count - 1)) != nil
        if hasCarriageReturns { feedLines(from: start) }
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
        guard wide == nil else { return try fillDecoded() }
        buffer.reserve(buffer.count + Self.block)
        let target = buffer.base + buffer.count
        guard let length = try readBlock(target) else { return true }
        buffer.count += length
        if hasCarriageReturns { feedLines(from: buffer.count - length) }
        return length > 0
    }

    private func feedLines(from offset: Int) {
        for at in offset..<buffer.count where buffer.base[at] == 0x0D { buffer.base[at] = 0x0A }
    }

    private func fillDecoded() throws -> Bool {
        let before = buffer.count
        try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.block) { block in
            guard let length = try readBlock(block.baseAddress!) else { return }
            if length == 0 { wide!.finish(to: &buffer) }
            wide!.decode(Bytes(start: block.baseAddress, count: length), to: &buffer)
        }
        if hasCarriageReturns { feedLines(from: before) }
        return !atEnd || buffer.count > before
    }

    /// - Returns: how many bytes there were, 0 at the end; nil where a signal came first.
    private func readBlock(_ target: UnsafeMutablePointer<UInt8>) throws -> Int? {
        let length = read(handle.fileDescriptor, target, Self.block)
        if length < 0 {
            if errno == EINTR { return nil }
            throw CocoaError(.fileReadUnknown, userInfo: [NSUnderlyingErrorKey: POSIXError(.init(rawValue: errno) ?? .EIO)])
        }
        if length == 0 { atEnd = true }
        hash?.update(bufferPointer: UnsafeRawBufferPointer(start: target, count: length))
        bytesRead += length
        return length
    }

    /// Reads what is left, for its hash.
    func drain() throws {
        repeat { start = buffer.count } while try fill()
    }

    /// Of everything that was read, in hex.
    func sha256() -> String { hash?.finalize().hex ?? "" }
}

extension Bytes {
    /// UTF-8's byte-order mark, which says nothing: files that were joined have one in the middle.
    @inline(__always)
    var beginsWithMark: Bool { count >= 3 && self[0] == 0xEF && self[1] == 0xBB && self[2] == 0xBF }
}
