import Crypto
import CryptoExtras
import Foundation

/// scrypt (RFC 7914). Hashes read `scrypt$log2N$r$p$salt$hash`, so the cost can rise later.
public struct PasswordHasher: Sendable {
    /// log2 of the work factor N: 15 takes 32 MiB and about 0.1 s.
    public var costExponent: Int
    // One queue of its own: scrypt must not hold a thread of the concurrency pool for 0.1 s, and many
    // log-ins at once must queue rather than take 32 MiB each.
    private static let queue = DispatchQueue(label: "atelier.password", qos: .userInitiated)

    public init(costExponent: Int = 15) { self.costExponent = costExponent }

    public func hash(_ password: String) async throws -> String {
        let salt = SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) }
        let hash = try await Self.derive(password, salt: salt, exponent: costExponent)
        return "scrypt$\(costExponent)$8$1$\(salt.base64EncodedString())$\(hash.base64EncodedString())"
    }

    public func verify(_ password: String, against stored: String) async throws -> Bool {
        let parts = stored.split(separator: "$").map(String.init)
        guard parts.count == 6, parts[0] == "scrypt", let exponent = Int(parts[1]), (1...22).contains(exponent),
            let salt = Data(base64Encoded: parts[4]), let expected = Data(base64Encoded: parts[5])
        else { return false }
        return constantTimeEqual(try await Self.derive(password, salt: salt, exponent: exponent), expected)
    }

    private static func derive(_ password: String, salt: Data, exponent: Int) async throws -> Data {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(
                    with: Result {
                        let key = try KDF.Scrypt.deriveKey(
                            from: Data(password.utf8), salt: salt, outputByteCount: 32, rounds: 1 << exponent, blockSize: 8,
                            parallelism: 1, maxMemory: 1 << 30)
                        return key.withUnsafeBytes { Data($0) }
                    })
            }
        }
    }
}

func constantTimeEqual(_ a: Data, _ b: Data) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
