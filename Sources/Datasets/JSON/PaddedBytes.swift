#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A growing block of bytes with readable bytes behind its end, so that a scan may load several at once.
package struct PaddedBytes: ~Copyable {
    static let padding = 64
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var capacity: Int
    var count = 0

    init(capacity: Int = 4096) {
        self.capacity = capacity
        base = .allocate(capacity: capacity + Self.padding)
        // Never read for a result, but loaded: it must be defined.
        (base + capacity).initialize(repeating: 0, count: Self.padding)
    }

    package init(_ bytes: some Collection<UInt8>) {
        self.init(capacity: max(16, bytes.count))
        if bytes.withContiguousStorageIfAvailable({ append($0) }) == nil { for byte in bytes { append(byte) } }
    }

    deinit { base.deallocate() }

    package var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    /// Makes room for `needed` bytes in all; what is there is kept, pointers into it are not.
    mutating func reserve(_ needed: Int) {
        guard needed > capacity else { return }
        let grown = max(needed, capacity * 2)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: grown + Self.padding)
        memcpy(new, base, count)
        (new + grown).initialize(repeating: 0, count: Self.padding)
        base.deallocate()
        base = new
        capacity = grown
    }

    mutating func append(_ byte: UInt8) {
        if count == capacity { reserve(count + 1) }
        base[count] = byte
        count += 1
    }

    mutating func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        reserve(count + length)
        memcpy(base + count, source, length)
        count += length
    }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let start = bytes.baseAddress { append(start, bytes.count) }
    }

    mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }
}

package typealias Bytes = UnsafeBufferPointer<UInt8>

extension UnsafeBufferPointer<UInt8> {
    func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && (count == 0 || memcmp(baseAddress!, text.utf8Start, count) == 0)
    }

    func equals(_ other: [UInt8]) -> Bool {
        count == other.count && (count == 0 || other.withUnsafeBufferPointer { memcmp(baseAddress!, $0.baseAddress!, count) } == 0)
    }

    var text: String { String(decoding: self, as: UTF8.self) }

    /// The beginning as text, for messages.
    func excerpt(_ length: Int = 40) -> String {
        let end = Swift.min(count, length)
        return "\"\(String(decoding: self[0..<end], as: UTF8.self))\(count > length ? "…" : "")\""
    }

    var isBlank: Bool {
        for byte in self where byte != 0x20 && byte != 0x09 && byte != 0x0D && byte != 0x0A { return false }
        return true
    }
}
