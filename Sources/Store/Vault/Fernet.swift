import Crypto
import CryptoExtras
import Foundation

/// Fernet tokens, byte for byte those of Python's `cryptography.fernet`
/// (https://github.com/fernet/spec/blob/master/Spec.md): version 0x80, 64-bit big-endian seconds,
/// 16-byte IV, AES-128-CBC with PKCS#7, HMAC-SHA256 over all of it, base64url with padding.
public struct Fernet: Sendable {
    public enum Failure: Error, Sendable {
        /// The key is not 32 bytes of base64url.
        case malformedKey
        /// Not a token, or not one made with this key; the two are not told apart on purpose.
        case invalidToken
    }

    private let signing: SymmetricKey
    private let encryption: SymmetricKey

    /// - Parameter key: 32 bytes as base64url, as `Fernet.generate_key()` prints it.
    public init(key: String) throws {
        guard let bytes = Data(base64URL: key), bytes.count == 32 else { throw Failure.malformedKey }
        signing = SymmetricKey(data: bytes.prefix(16))
        encryption = SymmetricKey(data: bytes.suffix(16))
    }

    public static func generateKey() -> String {
        SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }.base64URL
    }

    public func encrypt(_ plaintext: Data, at date: Date = Date()) throws -> String {
        var token = Data([0x80])
        withUnsafeBytes(of: UInt64(date.timeIntervalSince1970).bigEndian) { token.append(contentsOf: $0) }
        let iv = SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) }
        token.append(iv)
        token.append(try AES._CBC.encrypt(plaintext, using: encryption, iv: AES._CBC.IV(ivBytes: iv)))
        token.append(contentsOf: HMAC<SHA256>.authenticationCode(for: token, using: signing))
        return token.base64URL
    }

    /// Of a text, which no token's is: tokens begin with 0x80.
    func authenticationCode(for text: String) -> Data { Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: signing)) }

    public func decrypt(_ token: String) throws -> Data {
        guard let bytes = Data(base64URL: token), bytes.count >= 73, bytes.first == 0x80 else { throw Failure.invalidToken }
        let signed = bytes.dropLast(32)
        guard HMAC<SHA256>.isValidAuthenticationCode(bytes.suffix(32), authenticating: signed, using: signing) else {
            throw Failure.invalidToken
        }
        let iv = try AES._CBC.IV(ivBytes: signed.dropFirst(9).prefix(16))
        guard let plaintext = try? AES._CBC.decrypt(signed.dropFirst(25), using: encryption, iv: iv) else { throw Failure.invalidToken }
        return plaintext
    }
}

extension Data {
    /// base64 with `-` and `_`, padding kept, as Fernet writes it.
    public var base64URL: String {
        base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
    }

    public init?(base64URL: String) {
        self.init(base64Encoded: base64URL.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/"))
    }
}
