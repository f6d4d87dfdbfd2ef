import Crypto
import Domain
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
        return hasher.finalize().hex
    }

    static func randomHex(bytes: Int) -> String {
        SymmetricKey(size: .init(bitCount: bytes * 8)).withUnsafeBytes { $0.hex }
    }
}
