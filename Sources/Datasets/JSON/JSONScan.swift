/// The parts of a JSON text, checked byte by byte, texts eight at a time.
enum JSONScan {
    @inline(__always)
    static func skipSpace(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int) {
        while i < n, p[i] == 0x20 || p[i] == 0x0A || p[i] == 0x0D || p[i] == 0x09 { i += 1 }
    }

    static func word(_ word: StaticString, _ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int) -> Bool {
        let length = word.utf8CodeUnitCount
        guard n - i >= length else { return false }
        for at in 0..<length where p[i + at] != word.utf8Start[at] { return false }
        i += length
        return true
    }

    static func number(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int) -> Bool {
        func digits() -> Bool {
            let start = i
            while i < n, p[i] &- 0x30 < 10 { i += 1 }
            return i > start
        }
        if p[i] == 0x2D { i += 1 }
        if i < n, p[i] == 0x30 { i += 1 } else if !digits() { return false }
        if i < n, p[i] == 0x2E {
            i += 1
            if !digits() { return false }
        }
        if i < n, p[i] | 0x20 == 0x65 {
            i += 1
            if i < n, p[i] == 0x2B || p[i] == 0x2D { i += 1 }
            if !digits() { return false }
        }
        return true
    }

    /// From the opening quote to behind the closing one.
    @inline(__always)
    static func string(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int, _ hasEscapes: inout Bool) -> JSONFailure? {
        i += 1
        while true {
            while i + Lanes.width <= n {
                let block = Lanes.load(p + i)
                let special = Lanes.equal(block, 0x22) | Lanes.equal(block, 0x5C) | Lanes.below(block, 0x20)
                if special != 0 {
                    i += Lanes.first(special)
                    break
                }
                i += Lanes.width
            }
            while i < n, p[i] >= 0x20, p[i] < 0x80, p[i] != 0x22, p[i] != 0x5C { i += 1 }
            guard i < n else { return JSONFailure(reason: .ends(.closingQuote), offset: n) }
            switch p[i] {
            case 0x22:
                i += 1
                return nil
            case 0x5C:
                hasEscapes = true
                if let failure = escape(p, &i, n) { return failure }
            case 0..<0x20: return JSONFailure(reason: .controlCharacter, offset: i)
            default:
                repeat {
                    guard let length = UTF8Scan.length(p + i, n - i) else { return JSONFailure(reason: .invalidUTF8, offset: i) }
                    i += length
                } while i < n && p[i] >= 0x80
            }
        }
    }

    private static func escape(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int) -> JSONFailure? {
        guard i + 1 < n else { return JSONFailure(reason: .ends(.escape), offset: n) }
        switch p[i + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: i += 2
        case 0x75:
            guard let unit = hex(p, i + 2, n) else { return JSONFailure(reason: .badEscape, offset: i) }
            switch unit {
            case 0xD800...0xDBFF:
                guard i + 7 < n, p[i + 6] == 0x5C, p[i + 7] == 0x75, let low = hex(p, i + 8, n), 0xDC00...0xDFFF ~= low else {
                    return JSONFailure(reason: .loneSurrogate, offset: i)
                }
                i += 12
            case 0xDC00...0xDFFF: return JSONFailure(reason: .loneSurrogate, offset: i)
            default: i += 6
            }
        default: return JSONFailure(reason: .badEscape, offset: i)
        }
        return nil
    }

    /// Four hex digits as a UTF-16 unit.
    static func hex(_ p: UnsafePointer<UInt8>, _ at: Int, _ n: Int) -> UInt32? {
        guard at + 4 <= n else { return nil }
        var value: UInt32 = 0
        for index in at..<at + 4 {
            let byte = p[index]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case 0x41...0x46: digit = byte - 0x37
            case 0x61...0x66: digit = byte - 0x57
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}

enum UTF8Scan {
    /// Length of the character at `p`, nil where it is not UTF-8 (too long a form, a surrogate, above U+10FFFF, cut).
    @inline(__always)
    static func length(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int? {
        let lead = p[0]
        func isTail(_ at: Int) -> Bool { p[at] & 0xC0 == 0x80 }
        switch lead {
        case 0..<0x80: return 1
        case 0xC2...0xDF: return n >= 2 && isTail(1) ? 2 : nil
        case 0xE0...0xEF:
            guard n >= 3, isTail(1), isTail(2) else { return nil }
            if lead == 0xE0 && p[1] < 0xA0 || lead == 0xED && p[1] >= 0xA0 { return nil }
            return 3
        case 0xF0...0xF4:
            guard n >= 4, isTail(1), isTail(2), isTail(3) else { return nil }
            if lead == 0xF0 && p[1] < 0x90 || lead == 0xF4 && p[1] >= 0x90 { return nil }
            return 4
        default: return nil
        }
    }

    /// Offset of the first byte that is not UTF-8.
    static func firstInvalid(_ bytes: Bytes) -> Int? {
        guard let p = bytes.baseAddress else { return nil }
        var i = 0
        while i < bytes.count {
            guard let length = length(p + i, bytes.count - i) else { return i }
            i += length
        }
        return nil
    }
}
