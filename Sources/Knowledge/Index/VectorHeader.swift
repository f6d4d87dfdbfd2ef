import Foundation

/// First 64 bytes of a vector file: magic, format version, dimension, count; the rest zero. 64 keeps the
/// rows on a cache line. All numbers little-endian.
struct VectorHeader: Equatable {
    static let bytes = 64
    static let version: UInt32 = 1

    var magic: String
    /// Values per row.
    var dimension: Int
    /// Rows; 0 while the file is being written.
    var count: Int

    var encoded: [UInt8] {
        var data = Array(magic.utf8)
        withUnsafeBytes(of: Self.version) { data += $0 }
        withUnsafeBytes(of: UInt32(dimension)) { data += $0 }
        withUnsafeBytes(of: UInt64(count)) { data += $0 }
        return data + [UInt8](repeating: 0, count: Self.bytes - data.count)
    }

    init(_ layout: VectorLayout, count: Int) {
        magic = layout.magic
        dimension = layout.dimension
        self.count = count
    }

    /// Nil if the bytes are not such a header.
    init?(_ bytes: UnsafeRawBufferPointer, magic: String) {
        guard bytes.count >= Self.bytes, bytes.prefix(8).elementsEqual(magic.utf8),
            bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == Self.version
        else { return nil }
        self.magic = magic
        dimension = Int(bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        guard let rows = Int(exactly: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)) else { return nil }
        count = rows
    }
}
