import Crypto
import Foundation

/// Opaque random tokens: shown once, kept as a hash.
public enum Token {
    /// 256 random bits, for people: `session_` + 64 hex digits.
    public static func session() -> String { "session_" + randomHex(bytes: 32) }
    /// 128 random bits, for programs that ask one minion: `minion_` + 32 hex digits.
    public static func minion() -> String { "minion_" + randomHex(bytes: 16) }
    /// Readable random password of about 77 bits.
    public static func password() -> String {
        let alphabet = Array("abcdefghjkmnpqrstuvwxyz23456789")
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in String((0..<4).map { _ in alphabet.randomElement(using: &generator)! }) }.joined(separator: "-")
    }

    /// SHA-256 in hex. Tokens have full entropy, so a fast hash is enough.
    public static func hash(_ token: String) -> String {
        SHA256.hash(data: Data(token.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    static func randomHex(bytes: Int) -> String {
        // Linux's SystemRandomNumberGenerator is getrandom(2), as SymmetricKey's is.
        var generator = SystemRandomNumberGenerator()
        return hex(count: bytes * 2) { index, previous in index % 16 == 0 ? generator.next() : previous >> 4 }
    }

    /// `count` hex digits, each the low four bits of what `next` makes of the one before.
    static func hex(count: Int, _ next: (Int, UInt64) -> UInt64) -> String {
        String(unsafeUninitializedCapacity: count) { buffer in
            var bits: UInt64 = 0
            for index in 0..<count {
                bits = next(index, bits)
                let digit = UInt8(truncatingIfNeeded: bits & 15)
                buffer[index] = digit < 10 ? digit + 48 : digit + 87
            }
            return count
        }
    }
}

/// Row ids: a prefix that says the kind, then milliseconds and random bits in hex, so that the
/// order of ids is the order of creation and none can be guessed.
public enum RowID {
    public static func make(_ prefix: String, at date: Date = Date()) -> String {
        let time = UInt64(date.milliseconds)
        return "\(prefix)_\(Token.hex(count: 12) { index, _ in time >> (44 - 4 * index) })\(Token.randomHex(bytes: 10))"
    }
}
