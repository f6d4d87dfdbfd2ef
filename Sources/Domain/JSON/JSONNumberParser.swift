/// Reads one number. Without fraction and exponent, and within `Int`, it is an `.int`; else a
/// `.double`, correctly rounded.
struct JSONNumberParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let start: Int
    private(set) var position: Int
    /// The digits read so far as one number; exact while there are no more than ``maximumDigits``.
    private var digits: UInt64 = 0
    private var count = 0
    /// Any number of 19 digits fits in 64 bits.
    private static let maximumDigits = 19

    init(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) {
        self.bytes = bytes
        self.start = position
        self.position = position
    }

    mutating func parse() throws(JSONSyntaxError) -> JSONValue {
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let first = position
        try readDigits()
        guard position == first + 1 || bytes[first] != UInt8(ascii: "0") else {
            throw JSONSyntaxError("a number must not begin with 0", offset: first)
        }
        var exponent = 0
        var isInteger = true
        if next == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            let fraction = position
            try readDigits()
            exponent = fraction - position
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isInteger = false
            exponent += try readExponent()
        }
        if isInteger, count <= Self.maximumDigits, let value = integer(isNegative) { return value }
        return .double(try double(isNegative, exponent))
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func readDigits() throws(JSONSyntaxError) {
        let first = position
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            if digits != 0 || byte != UInt8(ascii: "0") {
                count += 1
                if count <= Self.maximumDigits { digits = digits * 10 + UInt64(byte - UInt8(ascii: "0")) }
            }
            position += 1
        }
        guard position > first else { throw JSONSyntaxError("expected a digit", offset: position) }
    }

    private mutating func readExponent() throws(JSONSyntaxError) -> Int {
        position += 1
        let isNegative = next == UInt8(ascii: "-")
        if isNegative || next == UInt8(ascii: "+") { position += 1 }
        let first = position
        var exponent = 0
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            // Far beyond what a Double can hold; more digits change nothing.
            if exponent < 100_000 { exponent = exponent * 10 + Int(byte - UInt8(ascii: "0")) }
            position += 1
        }
        guard position > first else { throw JSONSyntaxError("expected a digit", offset: position) }
        return isNegative ? -exponent : exponent
    }

    /// `nil` beyond `Int`, and for -0, which only a Double can hold.
    private func integer(_ isNegative: Bool) -> JSONValue? {
        guard isNegative else { return Int(exactly: digits).map(JSONValue.int) }
        guard digits > 0, digits <= UInt64(Int.max) + 1 else { return nil }
        return .int(Int(truncatingIfNeeded: 0 &- digits))
    }

    /// Powers of ten that a Double holds exactly.
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    private func double(_ isNegative: Bool, _ exponent: Int) throws(JSONSyntaxError) -> Double {
        // Both operands exact, so one rounding, the right one (Clinger 1990).
        if count <= Self.maximumDigits, digits <= 1 << 53, abs(exponent) < Self.powers.count {
            let magnitude = Double(digits)
            let value = exponent < 0 ? magnitude / Self.powers[-exponent] : magnitude * Self.powers[exponent]
            return isNegative ? -value : value
        }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        guard let value = Double(text), value.isFinite else { throw JSONSyntaxError("a number is out of range", offset: start) }
        return value
    }
}
