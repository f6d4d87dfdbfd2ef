import Domain

/// Between JSON's spelling of text and text.
package enum JSONText {
    /// Writes what the escaped bytes between two quotes say; they were scanned. `target` has room for as many bytes.
    /// - Returns: bytes written.
    static func unescape(_ source: Bytes, to target: UnsafeMutablePointer<UInt8>) -> Int {
        guard let p = source.baseAddress else { return 0 }
        let n = source.count
        var i = 0
        var o = 0
        while i < n {
            let byte = p[i]
            guard byte == 0x5C else {
                target[o] = byte
                i += 1
                o += 1
                continue
            }
            guard p[i + 1] == 0x75 else {
                target[o] = plain(p[i + 1])
                i += 2
                o += 1
                continue
            }
            var scalar = JSONScan.hex(p, i + 2, n)!
            i += 6
            if 0xD800...0xDBFF ~= scalar {
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (JSONScan.hex(p, i + 2, n)! - 0xDC00)
                i += 6
            }
            for unit in UTF8.encode(Unicode.Scalar(scalar)!)! {
                target[o] = unit
                o += 1
            }
        }
        return o
    }

    private static func plain(_ escape: UInt8) -> UInt8 {
        switch escape {
        case 0x62: 0x08
        case 0x66: 0x0C
        case 0x6E: 0x0A
        case 0x72: 0x0D
        case 0x74: 0x09
        default: escape
        }
    }

    /// Appends text in quotes. Only what must be is escaped, so equal texts are equal bytes.
    static func quote(_ text: Bytes, to target: inout PaddedBytes) {
        target.append(0x22)
        escape(text, to: &target)
        target.append(0x22)
    }

    static func quote(_ text: String, to target: inout PaddedBytes) {
        var text = text
        text.withUTF8 { quote($0, to: &target) }
    }

    static func escape(_ text: Bytes, to target: inout PaddedBytes) {
        guard let p = text.baseAddress else { return }
        var done = 0
        for i in 0..<text.count where p[i] < 0x20 || p[i] == 0x22 || p[i] == 0x5C {
            target.append(p + done, i - done)
            done = i + 1
            switch p[i] {
            case 0x22: target.append("\\\"")
            case 0x5C: target.append("\\\\")
            case 0x08: target.append("\\b")
            case 0x0C: target.append("\\f")
            case 0x0A: target.append("\\n")
            case 0x0D: target.append("\\r")
            case 0x09: target.append("\\t")
            default:
                target.append("\\u00")
                target.append(hexDigit(p[i] >> 4))
                target.append(hexDigit(p[i] & 15))
            }
        }
        target.append(p + done, text.count - done)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
