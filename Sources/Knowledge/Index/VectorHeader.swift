import Foundation

#if _endian(big)
#error("vectors.f32 is little-endian and read in place")
#endif

/// First 64 bytes of vectors.f32: magic, format version, dimension, count; the rest zero. 64 keeps the
/// rows on a cache line. All numbers little-endian.
struct VectorHeader: Equatable {
    static let bytes = 64
    static let version: UInt32 = 1
    private static let magic = Array("ATLVECT1".utf8)

    /// Floats per row.
    var dimension: Int
    /// Rows; 0 while the file is being written.
    var count: Int

    var encoded: [UInt8] {
        var data = Self.magic
        withUnsafeBytes(of: Self.version) { data += $0 }
        withUnsafeBytes(of: UInt32(dimension)) { data += $0 }
        withUnsafeBytes(of: UInt64(count)) { data += $0 }
        return data + [UInt8](repeating: 0, count: Self.bytes - data.count)
    }

    init(dimension: Int, count: Int) {
        self.dimension = dimension
        self.count = count
    }

    /// Nil if the bytes are not such a header.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.bytes, bytes.prefix(8).elementsEqual(Self.magic),
            bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == Self.version
        else { return nil }
        dimension = Int(bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        guard let rows = Int(exactly: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)) else { return nil }
        count = rows
    }

    /// Size of a whole file; nil on overflow, which only a damaged header causes.
    var fileBytes: Int? {
        let (values, first) = dimension.multipliedReportingOverflow(by: count)
        let (bytes, second) = values.multipliedReportingOverflow(by: MemoryLayout<Float>.size)
        let (total, third) = bytes.addingReportingOverflow(Self.bytes)
        return first || second || third ? nil : total
    }
}
