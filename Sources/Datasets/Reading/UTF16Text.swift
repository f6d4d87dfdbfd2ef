/// UTF-16, as spreadsheets write it, made UTF-8 a block at a time. What is no character becomes bytes that are no UTF-8, so that whoever
/// reads the text finds it on its line.
struct UTF16Text {
    private let isLittleEndian: Bool
    /// The first byte of a unit that a block ended in.
    private var half: UInt8?
    /// The first unit of a pair.
    private var high: UInt16?

    /// - Parameter mark: the file's first bytes.
    /// - Returns: nil where they begin with no byte-order mark of UTF-16.
    init?(mark: some Collection<UInt8>) {
        let first = Array(mark.prefix(4))
        // UTF-32 begins alike.
        guard !first.starts(with: [0xFF, 0xFE, 0, 0]) else { return nil }
        if first.starts(with: [0xFF, 0xFE]) {
            isLittleEndian = true
        } else if first.starts(with: [0xFE, 0xFF]) {
            isLittleEndian = false
        } else {
            return nil
        }
    }

    /// Without a mark it is told by its zeros: every second byte of ASCII is one, and text of any script has a space, a quote, a delimiter or
    /// a digit among its first characters. No other text has a zero at all.
    init?(unmarked text: some Collection<UInt8>) {
        let first = Array(text.prefix(64))
        let zeros = first.indices.filter { first[$0] == 0 }
        guard zeros.count > 1, Set(zeros.map { $0 % 2 }).count == 1, zeros.allSatisfy({ $0 ^ 1 < first.count && 0x01...0x7F ~= first[$0 ^ 1] }) else {
            return nil
        }
        isLittleEndian = zeros[0] % 2 == 1
    }

    mutating func decode(_ bytes: some Sequence<UInt8>, to output: inout PaddedBytes) {
        for byte in bytes {
            guard let first = half else {
                half = byte
                continue
            }
            half = nil
            add(isLittleEndian ? UInt16(byte) << 8 | UInt16(first) : UInt16(first) << 8 | UInt16(byte), to: &output)
        }
    }

    /// Writes what the file ends in the middle of.
    mutating func finish(to output: inout PaddedBytes) {
        if let high { Self.write(UInt32(high), to: &output) }
        if half != nil { output.append(0xFF) }
        (high, half) = (nil, nil)
    }

    private mutating func add(_ unit: UInt16, to output: inout PaddedBytes) {
        if let first = high {
            high = nil
            if 0xDC00...0xDFFF ~= unit {
                return Self.write(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(unit) - 0xDC00), to: &output)
            }
            Self.write(UInt32(first), to: &output)
        }
        if 0xD800...0xDBFF ~= unit { high = unit } else { Self.write(UInt32(unit), to: &output) }
    }

    /// By UTF-8's pattern; half of a pair is written by it too, and is no UTF-8.
    private static func write(_ scalar: UInt32, to output: inout PaddedBytes) {
        func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | scalar >> shift & 0x3F) }
        switch scalar {
        case ..<0x80: output.append(UInt8(scalar))
        case ..<0x800:
            output.append(UInt8(0xC0 | scalar >> 6))
            output.append(tail(0))
        case ..<0x10000:
            output.append(UInt8(0xE0 | scalar >> 12))
            output.append(tail(6))
            output.append(tail(0))
        default:
            output.append(UInt8(0xF0 | scalar >> 18))
            output.append(tail(12))
            output.append(tail(6))
            output.append(tail(0))
        }
    }
}
