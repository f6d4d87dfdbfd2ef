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
        var hasher = SHA256()
        var token = token
        token.withUTF8 { hasher.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hex(hasher.finalize())
    }

    static func randomHex(bytes: Int) -> String {
        SymmetricKey(size: .init(bitCount: bytes * 8)).withUnsafeBytes { hex($0) }
    }

    /// Two lower-case digits a byte. Called for every request: a format string would take longer than
    /// the hash does.
    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
        var digits: [UInt8] = []
        digits.reserveCapacity(64)
        for byte in bytes {
            digits.append(digit(byte >> 4))
            digits.append(digit(byte & 15))
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
