/// What reading and writing of JSON strings share.
enum JSONStringScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// The position of the first byte from `start` on that cannot stand plain in a string (a quote, a
    /// backslash, a control character), or the end. `isASCII` becomes false where a byte before it is not.
    ///
    /// Eight bytes at a time (https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord).
    static func plainPrefix(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int, isASCII: inout Bool) -> Int {
        var position = start
        let raw = UnsafeRawBufferPointer(bytes)
        var seen: UInt64 = 0
        while position + 8 <= raw.count {
            let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            let special =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- ones &* 0x20) & ~word) & highs
            guard special == 0 else {
                // Only bits above a true one can be set by a borrow, so the lowest is true.
                let length = special.trailingZeroBitCount / 8
                seen |= length == 0 ? 0 : word & (UInt64.max >> UInt64(64 - 8 * length))
                if seen & highs != 0 { isASCII = false }
                return position + length
            }
            seen |= word
            position += 8
        }
        while position < raw.count {
            let byte = raw[position]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { break }
            seen |= UInt64(byte)
            position += 1
        }
        if seen & highs != 0 { isASCII = false }
        return position
    }
}
