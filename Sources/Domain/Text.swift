extension Sequence<UInt8> {
    /// Two small hexadecimal digits a byte: how digests and ids are written.
    @inlinable package var hex: String {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
        var digits: [UInt8] = []
        digits.reserveCapacity(2 * underestimatedCount)
        for byte in self {
            digits.append(digit(byte >> 4))
            digits.append(digit(byte & 15))
        }
        return String(decoding: digits, as: UTF8.self)
    }
}

extension String {
    /// What a report quotes of a text that is a user's own: the beginning, where it is very long.
    package var excerpt: String { utf8.count > 1000 ? String(unicodeScalars.prefix(300)) + "…" : self }
}
