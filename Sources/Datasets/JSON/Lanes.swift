/// Eight bytes at once in one register, little-endian as all processors Swift runs on. (Comparisons of `SIMD16<UInt8>` compile to a loop
/// over the lanes with Swift 6.3: forty times slower here.)
///
/// Masks have the high bit of each byte that fits. A borrow can set it wrongly in a byte above one that fits, so masks are exact as
/// "any" and for the first one, unless they say that they are exact in every byte. See Warren, Hacker's Delight, 6-1.
enum Lanes {
    typealias Mask = UInt64
    static let width = 8
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func load(_ p: UnsafePointer<UInt8>) -> UInt64 { UnsafeRawPointer(p).loadUnaligned(as: UInt64.self) }

    @inline(__always)
    static func equal(_ block: UInt64, _ byte: UInt64) -> Mask {
        let x = block ^ (ones &* byte)
        return (x &- ones) & ~x & highs
    }

    /// Below a bound of at most 128, or not ASCII.
    @inline(__always)
    static func below(_ block: UInt64, _ bound: UInt64) -> Mask { ((block &- (ones &* bound)) | block) & highs }

    /// ASCII from `low` to `high`; exact in every byte.
    @inline(__always)
    static func within(_ block: UInt64, _ low: UInt64, _ high: UInt64) -> Mask {
        let ascii = block & ~highs
        return (ascii &+ ones &* (0x80 - low)) & ~(ascii &+ ones &* (0x7F - high)) & ~block & highs
    }

    /// ASCII letters in lower case; other characters change.
    @inline(__always)
    static func lowered(_ block: UInt64) -> UInt64 { block | ones &* 0x20 }

    @inline(__always)
    static func notASCII(_ block: UInt64) -> Mask { block & highs }

    /// All bytes that are not in an exact mask.
    @inline(__always)
    static func inverse(_ mask: Mask) -> Mask { ~mask & highs }

    /// The first bytes of a block, the others 0. `count` is less than 8.
    @inline(__always)
    static func head(_ block: UInt64, _ count: Int) -> UInt64 { block & ((1 << (8 &* UInt64(truncatingIfNeeded: count))) &- 1) }

    /// Index of the first byte of a mask, 8 where there is none.
    @inline(__always)
    static func first(_ mask: Mask) -> Int { mask.trailingZeroBitCount >> 3 }
}
