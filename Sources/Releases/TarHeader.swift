import Foundation

/// The block of 512 bytes before each file of a tar archive (POSIX.1-1988 ustar).
enum TarHeader {
    static let block = 512
    /// What eleven octal digits can say: 8 GiB.
    static let maxBytes = 0o777_7777_7777

    /// - Parameter name: at most 100 bytes.
    /// - Returns: nil where name or size do not fit.
    static func make(name: String, bytes: Int, at time: Date) -> [UInt8]? {
        guard name.utf8.count <= 100, (0...maxBytes).contains(bytes) else { return nil }
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: String, at offset: Int) { header.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8)) }
        func octal(_ number: Int, digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, at: 0)
        put("0000600", at: 100)
        put("0000000", at: 108)
        put("0000000", at: 116)
        put(octal(bytes, digits: 11), at: 124)
        put(octal(max(0, Int(time.timeIntervalSince1970)), digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, digits: 6), at: 148)
        header[154] = 0
        return header
    }

    /// Zeros that fill the last block of a file.
    static func padding(after bytes: Int) -> Int { (block - bytes % block) % block }
}
